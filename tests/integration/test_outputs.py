"""Every output leads to something that exists."""

from __future__ import annotations

from urllib.parse import urlsplit

from fraud_cfn.template.document import Document
from tests.integration.platform import Platform
from tests.lens import SERVICES, WORKLOADS, kebab


def test_every_output_of_the_template_is_there_and_has_a_value(
    platform: Platform, document: Document
) -> None:
    assert platform.outputs.keys() == document.template["Outputs"].keys()
    assert all(platform.outputs.values())


def test_the_address_is_the_load_balancers(platform: Platform) -> None:
    arns = [platform.ids["LoadBalancer"]]
    (balancer,) = platform.client("elbv2").describe_load_balancers(LoadBalancerArns=arns)["LoadBalancers"]
    url = urlsplit(platform.outputs["LoadBalancerUrl"])
    assert balancer["DNSName"] == platform.outputs["LoadBalancerDnsName"] == url.netloc
    assert url.scheme == ("https" if platform.serves_https else "http")


def test_names_in_the_vpc_are_made_of_the_namespace_and_its_services(platform: Platform) -> None:
    namespace = platform.outputs["NamespaceName"]
    for service in SERVICES:
        assert platform.outputs[f"{service}DnsName"] == f"{kebab(service)}.{namespace}"


def test_repositories_exist(platform: Platform) -> None:
    names = [platform.name(workload) for workload in map(kebab, WORKLOADS)]
    repositories = platform.client("ecr").describe_repositories(repositoryNames=names)["repositories"]
    outputs = {platform.outputs[f"{workload}RepositoryUri"] for workload in WORKLOADS}
    assert {repository["repositoryUri"] for repository in repositories} == outputs


def test_the_cluster_and_its_services_exist(platform: Platform) -> None:
    names = [platform.outputs[f"{service}ServiceName"] for service in SERVICES]
    found = platform.client("ecs").describe_services(cluster=platform.outputs["ClusterName"], services=names)
    assert {service["status"] for service in found["services"]} == {"ACTIVE"}
    assert [service["serviceName"] for service in found["services"]] == names


def test_the_job_can_be_run_with_what_the_outputs_name(platform: Platform) -> None:
    definition = platform.task_definitions["job"]
    assert definition["taskDefinitionArn"] == platform.outputs["JobTaskDefinitionArn"]
    assert definition["family"] == platform.outputs["JobTaskFamily"]
    private = {platform.ids[f"PrivateSubnet{zone}"] for zone in "ABC"}
    assert set(platform.outputs["JobSubnetIds"].split(",")) == private
    assert platform.outputs["JobSecurityGroupId"] in platform.ids.values()


def test_queues_exist(platform: Platform) -> None:
    sqs = platform.client("sqs")
    for output, thing in (("JobQueueUrl", "jobs"), ("DeadLetterQueueUrl", "dead-letters")):
        url = platform.outputs[output]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        assert attributes["QueueArn"].endswith(f":{platform.name(thing)}")


def test_the_bucket_exists(platform: Platform) -> None:
    platform.client("s3").head_bucket(Bucket=platform.outputs["DataBucketName"])


def test_the_database_answers_under_its_addresses(platform: Platform) -> None:
    rds = platform.client("rds")
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier=platform.name("database"))["DBClusters"]
    assert cluster["Endpoint"] == platform.outputs["DatabaseEndpoint"]
    assert cluster["ReaderEndpoint"] == platform.outputs["DatabaseReaderEndpoint"]


def test_log_groups_exist(platform: Platform) -> None:
    for workload in WORKLOADS:
        name = platform.outputs[f"{workload}LogGroupName"]
        found = platform.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        assert name in [group["logGroupName"] for group in found]


def test_the_dashboard_is_linked(platform: Platform) -> None:
    name = platform.outputs["DashboardUrl"].rpartition("/")[2]
    assert platform.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]
