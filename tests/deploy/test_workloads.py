"""Workloads are read from the deployed template: by type and reference, whatever they are called."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from fraud_cfn.deploy.errors import UsageError
from fraud_cfn.deploy.running import workloads
from fraud_cfn.deploy.running.workloads import Deployed, Routing, Workload
from fraud_cfn.deploy.stack.stacks import Resource, Stack
from fraud_cfn.template import document
from tests.lens import FURTHER_IDS

STACK = Stack("TapStackdev", "arn", "UPDATE_COMPLETE", "", {}, {}, {}, (), protected=False)


@pytest.fixture
def template() -> dict[str, Any]:
    """The committed one, without what a further workload brings to it."""
    committed = deepcopy(document.read().template)
    resources = committed["Resources"].items()
    return committed | {"Resources": {key: r for key, r in resources if key not in FURTHER_IDS}}


def read(template: dict[str, Any], *, without: str = "") -> Deployed:
    """As if every resource but that one existed; physical ids as AWS forms them."""
    exist = {
        logical_id: Resource(logical_id, resource["Type"], physical(logical_id, resource["Type"]), "")
        for logical_id, resource in template["Resources"].items()
        if logical_id != without
    }
    return workloads.deployed(STACK, template, exist)


def physical(logical_id: str, kind: str) -> str:
    if kind == "AWS::ECS::Service":
        return f"arn:aws:ecs:eu-central-1:1:service/cluster/{logical_id}-name"
    if kind == "AWS::ECS::TaskDefinition":
        return f"arn:aws:ecs:eu-central-1:1:task-definition/{logical_id}:3"
    return f"{logical_id}-physical"


def with_reports(template: dict[str, Any]) -> dict[str, Any]:
    """A second worker beside the first, as a fourth module would bring it."""
    copied = {name: resource for name, resource in template["Resources"].items() if name.startswith("Worker")}
    text = json.dumps(copied).replace("Worker", "Reports").replace('"worker"', '"reports"')
    template["Resources"] |= json.loads(text)
    template["Parameters"]["ReportsImageTag"] = {"Type": "String", "Default": "latest"}
    return template


def the(deployed: Deployed, name: str) -> Workload:
    return deployed.named(name)


def test_the_committed_template_has_two_services_and_a_job(template: dict[str, Any]) -> None:
    deployed = read(template)
    assert [workload.name for workload in deployed.services] == ["api", "worker"]
    assert [workload.name for workload in deployed.jobs] == ["job"]


def test_a_workload_knows_its_parts(template: dict[str, Any]) -> None:
    worker = the(read(template), "worker")
    assert worker.tag_parameter == "WorkerImageTag"
    assert worker.repository
    assert worker.repository.physical_id == "WorkerRepository-physical"
    assert worker.log_group
    assert worker.log_group.physical_id == "WorkerLogs-physical"
    assert worker.stream_prefix == "app/"
    assert worker.service_name == "WorkerService-name"
    assert worker.family == "WorkerTaskDefinition"
    assert worker.cluster.logical_id == "Cluster"
    assert worker.schedule is None
    assert worker.routing is None


def test_the_apis_routing_is_found_with_the_templates_weights(template: dict[str, Any]) -> None:
    routing = the(read(template), "api").routing
    assert isinstance(routing, Routing)
    ids = (routing.rule.logical_id, routing.production.logical_id, routing.alternate.logical_id)
    assert ids == ("RoutingRule", "BlueTargetGroup", "GreenTargetGroup")
    assert routing.weights == (100, 0)


def test_a_fourth_workload_is_known_at_once(template: dict[str, Any]) -> None:
    deployed = read(with_reports(template))
    reports = the(deployed, "reports")
    assert [workload.name for workload in deployed.services] == ["api", "worker", "reports"]
    assert (reports.tag_parameter, reports.service_name) == ("ReportsImageTag", "ReportsService-name")
    assert reports.repository
    assert reports.repository.logical_id == "ReportsRepository"


def test_a_second_scheduled_task_is_known_too(template: dict[str, Any]) -> None:
    nightly = json.loads(
        json.dumps({n: r for n, r in template["Resources"].items() if n.startswith("Job")})
        .replace("Job", "Nightly")
        .replace('"job"', '"nightly"')
    )
    template["Resources"] |= nightly
    template["Parameters"]["NightlyImageTag"] = {"Type": "String"}
    assert [workload.name for workload in read(template).jobs] == ["job", "nightly"]


def test_other_names_for_everything_change_nothing(template: dict[str, Any]) -> None:
    text = json.dumps(template).replace("RoutingRule", "Split").replace("ApiService", "Front")
    text = text.replace("BlueTargetGroup", "One").replace("ApiImageTag", "Version")
    api = the(read(json.loads(text)), "api")
    assert api.routing
    assert (api.routing.rule.logical_id, api.routing.production.logical_id) == ("Split", "One")
    assert (api.tag_parameter, api.service_name) == ("Version", "Front-name")


@pytest.mark.parametrize(
    "image",
    [
        {"Fn::Join": [":", [{"Fn::GetAtt": ["ApiRepository", "RepositoryUri"]}, {"Ref": "ApiImageTag"}]]},
        {"Fn::Sub": ["${uri}:${ApiImageTag}", {"uri": {"Fn::GetAtt": "ApiRepository.RepositoryUri"}}]},
        {"Fn::Sub": "${AWS::AccountId}.x/${ApiRepository}:${ApiImageTag}"},
    ],
)
def test_an_image_may_be_written_in_any_way(template: dict[str, Any], image: dict[str, Any]) -> None:
    containers = template["Resources"]["ApiTaskDefinition"]["Properties"]["ContainerDefinitions"]
    containers[0]["Image"] = image
    containers.reverse()  # the sidecar first
    api = the(read(template), "api")
    assert (api.container, api.tag_parameter) == ("api", "ApiImageTag")
    assert api.repository
    assert api.repository.logical_id == "ApiRepository"


def test_balancing_under_a_condition_is_found(template: dict[str, Any]) -> None:
    service = template["Resources"]["ApiService"]["Properties"]
    service["LoadBalancers"] = {"Fn::If": ["IsLive", service["LoadBalancers"], {"Ref": "AWS::NoValue"}]}
    api = the(read(template), "api")
    assert api.routing
    assert len(api.target_groups) == 2


def test_two_containers_of_one_name_are_told_apart(template: dict[str, Any]) -> None:
    text = json.dumps(with_reports(template)).replace('"reports"', '"worker"')
    names = [workload.name for workload in read(json.loads(text)).workloads]
    assert names == ["api", "WorkerService", "job", "ReportsService"]


def test_a_schedule_that_starts_no_task_is_no_workload(template: dict[str, Any]) -> None:
    template["Resources"]["JobSchedule"]["Properties"]["Target"].pop("EcsParameters")
    assert not read(template).jobs


def test_an_unknown_name_is_refused_with_the_names_there_are(template: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="TapStackdev has no workload 'wroker'") as refused:
        read(template).named("wroker")
    assert refused.value.next_step == "it has api, worker, job"


def test_what_the_stack_lacks_is_named(template: dict[str, Any]) -> None:
    deployed = read(template, without="RoutingRule")
    with pytest.raises(UsageError, match="is UPDATE_COMPLETE and does not have RoutingRule"):
        deployed.must_be_whole(deployed.workloads)
    deployed.must_be_whole(deployed.jobs)


def test_dead_letter_queues_are_those_that_others_leave_theirs_to(template: dict[str, Any]) -> None:
    queues = [queue.logical_id for queue in read(template).dead_letter_queues]
    assert queues == ["DeadLetterQueue", "MissedRunsQueue"]
