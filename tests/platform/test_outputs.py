from __future__ import annotations

from fraud_cfn.template.document import Document
from fraud_cfn.template.scenarios import SCENARIOS
from tests.lens import SERVICES, WORKLOADS, Lens, is_further, kebab

EXPECTED = {
    "LoadBalancerDnsName": "<LoadBalancer.DNSName>",
    "LoadBalancerUrl": "http://<LoadBalancer.DNSName>",
    "NamespaceName": "fraud-dev.internal",
    "DashboardUrl": (
        "https://eu-central-1.console.aws.amazon.com/cloudwatch/home"
        "?region=eu-central-1#dashboards/dashboard/<Dashboard>"
    ),
    "ClusterName": "<Cluster>",
    "JobTaskFamily": "fraud-job-dev",
    "JobTaskDefinitionArn": "<JobTaskDefinition>",
    "JobSubnetIds": "<PrivateSubnetA>,<PrivateSubnetB>,<PrivateSubnetC>",
    "JobSecurityGroupId": "<JobSecurityGroup.GroupId>",
    "ScheduleName": "<JobSchedule>",
    "ScheduleGroupName": "<ScheduleGroup>",
    "JobQueueUrl": "<JobQueue>",
    "DeadLetterQueueUrl": "<DeadLetterQueue>",
    "MissedRunsQueueUrl": "<MissedRunsQueue>",
    "DataBucketName": "<DataBucket>",
    "DatabaseEndpoint": "<DatabaseCluster.Endpoint.Address>",
    "DatabaseReaderEndpoint": "<DatabaseCluster.ReadEndpoint.Address>",
}
OF_EVERY_WORKLOAD = {
    **{f"{workload}RepositoryUri": f"<{workload}Repository.RepositoryUri>" for workload in WORKLOADS},
    **{f"{workload}LogGroupName": f"<{workload}Logs>" for workload in WORKLOADS},
    **{f"{service}ServiceName": f"<{service}Service.Name>" for service in SERVICES},
    **{f"{service}DnsName": f"{kebab(service)}.fraud-dev.internal" for service in SERVICES},
}


def test_outputs_tell_what_a_user_needs(base: Lens) -> None:
    """A further workload may say more of itself, in outputs that begin with its name."""
    more = {key for key in base.outputs if is_further(key)} - set(OF_EVERY_WORKLOAD)
    outputs = {key: value for key, value in base.outputs.items() if key not in more}
    assert outputs == EXPECTED | OF_EVERY_WORKLOAD, "one of a further workload begins with its name"


def test_dns_names_are_those_under_which_the_services_register(base: Lens) -> None:
    namespace = base["Namespace"]["Name"]
    for service in SERVICES:
        assert base.outputs[f"{service}DnsName"] == f"{base[f'{service}Discovery']['Name']}.{namespace}"
    assert base.outputs["NamespaceName"] == namespace


def test_with_a_certificate_there_is_no_url_as_none_can_match_the_load_balancers_own_name(
    base: Lens, document: Document
) -> None:
    assert document.template["Outputs"]["LoadBalancerUrl"]["Condition"] == "ServesHttpOnly"
    conditions = document.template["Conditions"]
    assert conditions["ServesHttps"] == {"Fn::Not": [conditions["ServesHttpOnly"]]}
    lens = base.under(**SCENARIOS["TLS"])
    assert lens.outputs["LoadBalancerDnsName"] == "<LoadBalancer.DNSName>"


def test_outputs_are_described_and_never_exported(document: Document) -> None:
    """An export would keep a stack from being deleted."""
    for key, output in document.template["Outputs"].items():
        assert output["Description"], key
        assert "Export" not in output


def test_every_other_output_exists_in_every_scenario(document: Document) -> None:
    conditional = [key for key, output in document.template["Outputs"].items() if "Condition" in output]
    assert conditional == ["LoadBalancerUrl"]
