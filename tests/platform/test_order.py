"""What waits for what: all that must, and nothing else, which would only make a deployment slower."""

from __future__ import annotations

from collections import Counter

from fraud_cfn.template.document import Document
from tests.lens import Lens, references

TASKS = ("AWS::ECS::Service", "AWS::Scheduler::Schedule")
RULES = ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")
WAY_OUT = {"PrivateDefaultRoute", *(f"PrivateSubnet{letter}Routes" for letter in "ABC")}
WAITS = {
    "NatAddress": {"InternetAttachment"},
    "PublicDefaultRoute": {"InternetAttachment"},
    "NatGateway": {"PublicDefaultRoute", "PublicSubnetARoutes"},
    "LoadBalancer": {"InternetAttachment"},
    "Cluster": {"ContainerInsightsLogs"},
    "DatabaseCluster": {"DatabaseLogs"},
    "DatabaseReaderInstance": {"DatabaseWriterInstance"},
}


def waits(document: Document, *types: str) -> dict[str, list[str]]:
    """Logical id → what it depends on by word, of resources of those types."""
    return {
        key: resource.get("DependsOn", [])
        for key, resource in document.template["Resources"].items()
        if resource["Type"] in types
    }


def test_tasks_start_when_the_way_out_is_open_and_the_cluster_can_run_them(document: Document) -> None:
    """And end before either is taken away: a draining task still talks."""
    rules = set(waits(document, *RULES))
    for task, awaited in waits(document, *TASKS).items():
        assert set(awaited) - rules == WAY_OUT | {"ClusterCapacityProviders"}, task
        assert len(awaited) == len(set(awaited)), task


def test_every_rule_between_groups_is_open_before_one_of_its_ends_starts(
    live: Lens, document: Document
) -> None:
    rules = live.of(*RULES)
    awaited = Counter(name for names in waits(document, *TASKS).values() for name in names if name in rules)
    assert awaited == Counter(list(rules)), "each by one"
    for task, names in waits(document, *TASKS).items():
        used = references(document.template["Resources"][task]["Properties"])
        own = {f"<{name}>" for name in used if name.endswith("SecurityGroup")}
        for name in set(names) & set(rules):
            assert own & set(rules[name].values()), f"{task} is no end of {name}"


def test_scaling_begins_when_its_service_is_there(live: Lens, document: Document) -> None:
    for target, properties in live.of("AWS::ApplicationAutoScaling::ScalableTarget").items():
        (service,) = document.template["Resources"][target]["DependsOn"]
        name = live[service]["ServiceName"]
        assert properties["ResourceId"] == f"service/<Cluster>/{name}"


def test_nothing_else_waits_by_word(document: Document) -> None:
    resources = document.template["Resources"]
    others = {
        key: set(resource["DependsOn"])
        for key, resource in resources.items()
        if "DependsOn" in resource
        and resource["Type"] not in (*TASKS, "AWS::ApplicationAutoScaling::ScalableTarget")
    }
    assert others == WAITS


def test_only_what_a_parameter_asks_for_is_conditional(document: Document) -> None:
    resources = document.template["Resources"]
    assert {key: resource["Condition"] for key, resource in resources.items() if "Condition" in resource} == {
        "DatabaseReaderInstance": "HasDatabaseReader",
        "HttpsListener": "ServesHttps",
        "WebAclAssociation": "HasWebAcl",
        "ApiServerErrorAlarm": "HasDeploymentAlarms",
        "ApiLatencyAlarm": "HasDeploymentAlarms",
    }
