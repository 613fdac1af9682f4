from __future__ import annotations

from collections import defaultdict

import pytest

from fraud_cfn.platform.naming import NAME_LIMITS
from fraud_cfn.template.scenarios import LONGEST_SUFFIX, SCENARIOS
from tests.lens import FURTHER_IDS, NAME_PROPERTY, Lens

# Inside a namespace or a group, which end in the suffix themselves.
INSIDE = "AWS::ServiceDiscovery::Service"


def test_every_name_ends_in_the_environment_suffix(base: Lens) -> None:
    lens = base.under(EnvironmentSuffix="qa7")
    for kind, logical_id, name in lens.names():
        if kind == INSIDE:
            continue
        trunk = name.removesuffix("/performance").removesuffix("/postgresql").removesuffix(".internal")
        assert trunk.removesuffix("-111122223333-eu-central-1-an").endswith("-qa7"), (logical_id, name)


def test_every_tag_is_a_name_of_this_environment(base: Lens) -> None:
    lens = base.under(EnvironmentSuffix="qa7")
    tagged = {
        key: resource["Properties"]["Tags"]
        for key, resource in lens.resources.items()
        if "Tags" in resource["Properties"]
    }
    for logical_id, tags in tagged.items():
        (tag,) = tags
        assert tag["Key"] == "Name", logical_id
        assert tag["Value"].startswith("fraud-"), logical_id
        assert tag["Value"].endswith("-qa7"), logical_id
    unnamed = (
        "EC2::VPC",
        "EC2::Subnet",
        "EC2::RouteTable",
        "EC2::NatGateway",
        "EC2::EIP",
        "EC2::InternetGateway",
    )
    for logical_id, resource in lens.resources.items():
        if resource["Type"].removeprefix("AWS::") in (*unnamed, "ElasticLoadBalancingV2::TargetGroup"):
            assert logical_id in tagged


def test_every_type_that_can_be_named_is_known_to_these_tests(base: Lens) -> None:
    for scenario, values in SCENARIOS.items():
        types = {resource["Type"] for resource in base.under(**values).resources.values()}
        assert types <= set(NAME_PROPERTY), scenario


# To rename any of these is to replace it, and to lose what it holds.
NAMES = {
    "ApiCpuScaling": "fraud-api-cpu-dev",
    "ApiDeploymentRole": "fraud-api-deployment-dev",
    "ApiDiscovery": "api",
    "ApiExecutionRole": "fraud-api-execution-dev",
    "ApiLatencyAlarm": "fraud-api-latency-dev",
    "ApiLogs": "/ecs/fraud-api-dev",
    "ApiMemoryScaling": "fraud-api-memory-dev",
    "ApiRepository": "fraud-api-dev",
    "ApiSecurityGroup": "fraud-api-dev",
    "ApiServerErrorAlarm": "fraud-api-5xx-rate-dev",
    "ApiService": "fraud-api-dev",
    "ApiTaskDefinition": "fraud-api-dev",
    "ApiTaskRole": "fraud-api-task-dev",
    "Cluster": "fraud-cluster-dev",
    "ContainerInsightsLogs": "/aws/ecs/containerinsights/fraud-cluster-dev/performance",
    "Dashboard": "fraud-dev",
    "DataBucket": "fraud-data-dev-111122223333-eu-central-1-an",
    "DatabaseCluster": "fraud-database-dev",
    "DatabaseLogs": "/aws/rds/cluster/fraud-database-dev/postgresql",
    "DatabaseParameterGroup": "fraud-postgresql17-dev",
    "DatabaseReaderInstance": "fraud-database-reader-dev",
    "DatabaseSecurityGroup": "fraud-database-dev",
    "DatabaseSubnetGroup": "fraud-database-dev",
    "DatabaseWriterInstance": "fraud-database-writer-dev",
    "DeadLetterQueue": "fraud-dead-letters-dev",
    "ErrorsQuery": "fraud-errors-dev",
    "JobExecutionRole": "fraud-job-execution-dev",
    "JobLogs": "/ecs/fraud-job-dev",
    "JobQueue": "fraud-jobs-dev",
    "JobRepository": "fraud-job-dev",
    "JobSchedule": "fraud-job-dev",
    "JobSecurityGroup": "fraud-job-dev",
    "JobTaskDefinition": "fraud-job-dev",
    "JobTaskRole": "fraud-job-task-dev",
    "LoadBalancer": "fraud-alb-dev",
    "LoadBalancerSecurityGroup": "fraud-load-balancer-dev",
    "MissedRunsQueue": "fraud-missed-runs-dev",
    "Namespace": "fraud-dev.internal",
    "ScheduleGroup": "fraud-schedules-dev",
    "ScheduleRole": "fraud-job-schedule-dev",
    "SlowRequestsQuery": "fraud-slow-requests-dev",
    "WorkerCpuScaling": "fraud-worker-cpu-dev",
    "WorkerDiscovery": "worker",
    "WorkerExecutionRole": "fraud-worker-execution-dev",
    "WorkerLogs": "/ecs/fraud-worker-dev",
    "WorkerMemoryScaling": "fraud-worker-memory-dev",
    "WorkerQueueScaling": "fraud-worker-queue-dev",
    "WorkerRepository": "fraud-worker-dev",
    "WorkerSecurityGroup": "fraud-worker-dev",
    "WorkerService": "fraud-worker-dev",
    "WorkerTaskDefinition": "fraud-worker-dev",
    "WorkerTaskRole": "fraud-worker-task-dev",
}


def test_names_stay_as_they_are(live: Lens) -> None:
    lens = live.under(EnableDeploymentAlarms="true")
    names = {logical_id: name for _, logical_id, name in lens.names() if logical_id not in FURTHER_IDS}
    assert names == NAMES


@pytest.mark.parametrize("suffix", [LONGEST_SUFFIX, "a-b-c-d-e-fg"])
def test_the_longest_suffix_fits_every_name_limit(live: Lens, suffix: str) -> None:
    lens = live.under(EnvironmentSuffix=suffix, EnableDeploymentAlarms="true")
    for kind, logical_id, name in lens.names():
        assert len(name) <= NAME_LIMITS[kind], (logical_id, name)


def test_names_are_unique_within_a_type(live: Lens) -> None:
    named = [(kind, name) for kind, _, name in live.under(EnableDeploymentAlarms="true").names()]
    assert len(named) == len(set(named))


def test_no_stem_begins_another_so_that_no_two_suffixes_can_ever_share_a_name(live: Lens) -> None:
    """`fraud-jobs` and `fraud-jobs-dlq`: the environment `dlq-dev` would collide with `dev`."""
    stems = defaultdict(set)
    for kind, _, name in live.under(EnvironmentSuffix="zzz", EnableDeploymentAlarms="true").names():
        if kind != INSIDE:
            stems[kind].add(name.split("zzz")[0])
    for kind, of_kind in stems.items():
        for stem in of_kind:
            assert not [other for other in of_kind if other != stem and other.startswith(stem)], (kind, stem)


@pytest.mark.parametrize("other", ["dev2", "pr-dev", "dev-dev", "d"])
def test_two_environments_share_no_name(live: Lens, other: str) -> None:
    ours = {(kind, name) for kind, _, name in live.names() if kind != INSIDE}
    theirs = {(kind, name) for kind, _, name in live.under(EnvironmentSuffix=other).names() if kind != INSIDE}
    assert not ours & theirs
