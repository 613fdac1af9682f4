from __future__ import annotations

from collections import defaultdict

import pytest

from fraud_cfn.naming import NAME_LIMITS
from fraud_cfn.scenarios import LONGEST_SUFFIX, SCENARIOS
from tests.lens import NAME_PROPERTY, Lens

# Inside a namespace or a group, which end in the suffix themselves.
INSIDE = "AWS::ServiceDiscovery::Service"


def test_every_name_ends_in_the_environment_suffix(base: Lens) -> None:
    lens = base.under(EnvironmentSuffix="qa7")
    for kind, logical_id, name in lens.names():
        if kind == INSIDE:
            continue
        trunk = name.removesuffix("/performance").removesuffix("/postgresql").removesuffix(".internal")
        assert trunk.removesuffix("-111122223333").endswith("-qa7"), (logical_id, name)


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


def test_names_of_what_the_issue_names(base: Lens) -> None:
    names = {logical_id: name for _, logical_id, name in base.names()}
    assert {key: names[key] for key in ("Cluster", "ApiService", "WorkerService", "JobSchedule")} == {
        "Cluster": "fraud-cluster-dev",
        "ApiService": "fraud-api-dev",
        "WorkerService": "fraud-worker-dev",
        "JobSchedule": "fraud-job-dev",
    }
    repositories = {r["RepositoryName"] for r in base.of("AWS::ECR::Repository").values()}
    assert repositories == {"fraud-api-dev", "fraud-worker-dev", "fraud-job-dev"}


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
