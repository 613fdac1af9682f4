"""What seems to run: tasks, deployments and their stages, targets, jobs, the scaling's own words."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from fraud_cfn import local
from fraud_cfn.local import Endpoint
from tests.local.conftest import NewStack, eventually

SUBNET = "10.7.0.0/24"
CIRCUIT_BREAKER = {"enable": True, "rollback": True}
_numbers = itertools.count(1)


class Site:
    """A cluster with a load-balanced service, made by the services' own APIs."""

    def __init__(self, endpoint: Endpoint, strategy: str = "BLUE_GREEN", count: int = 2) -> None:
        self.ecs, self.elb, self.name = (
            endpoint.client("ecs"),
            endpoint.client("elbv2"),
            f"site{next(_numbers)}",
        )
        ec2 = endpoint.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=SUBNET)["Subnet"]["SubnetId"]
        self.network = {"awsvpcConfiguration": {"subnets": [subnet]}}
        self.blue, self.green = (self._group(f"{self.name}-{colour}", vpc) for colour in ("blue", "green"))
        self.rule = self._rule(subnet)
        self.ecs.create_cluster(clusterName=self.name)
        self.arn = self.ecs.create_service(
            cluster=self.name,
            serviceName="web",
            taskDefinition=self.revision("v1"),
            desiredCount=count,
            networkConfiguration=self.network,
            deploymentConfiguration={
                "strategy": strategy,
                "deploymentCircuitBreaker": CIRCUIT_BREAKER,
                "canaryConfiguration": {"canaryPercent": 20},
                "linearConfiguration": {"stepPercent": 40},
            },
            loadBalancers=[
                {
                    "targetGroupArn": self.blue,
                    "containerName": "app",
                    "containerPort": 8080,
                    "advancedConfiguration": {
                        "alternateTargetGroupArn": self.green,
                        "productionListenerRule": self.rule,
                        "roleArn": "arn:aws:iam::111122223333:role/any",
                    },
                }
            ],
        )["service"]["serviceArn"]

    def _group(self, name: str, vpc: str) -> str:
        made = self.elb.create_target_group(Name=name, VpcId=vpc, Port=8080, Protocol="HTTP", TargetType="ip")
        return made["TargetGroups"][0]["TargetGroupArn"]

    def _rule(self, subnet: str) -> str:
        balancer = self.elb.create_load_balancer(Name=self.name, Subnets=[subnet])["LoadBalancers"][0]
        forward = {
            "Type": "forward",
            "ForwardConfig": {
                "TargetGroups": [
                    {"TargetGroupArn": self.blue, "Weight": 100},
                    {"TargetGroupArn": self.green, "Weight": 0},
                ]
            },
        }
        listener = self.elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"], Port=80, Protocol="HTTP", DefaultActions=[forward]
        )["Listeners"][0]
        rule = self.elb.create_rule(
            ListenerArn=listener["ListenerArn"],
            Priority=1,
            Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
            Actions=[forward],
        )
        return rule["Rules"][0]["RuleArn"]

    def revision(self, tag: str) -> str:
        made = self.ecs.register_task_definition(
            family=self.name,
            networkMode="awsvpc",
            containerDefinitions=[
                {"name": "app", "image": f"111122223333.dkr.ecr.eu-central-1.amazonaws.com/{self.name}:{tag}"}
            ],
        )
        return made["taskDefinition"]["taskDefinitionArn"]

    def update(self, **change: Any) -> None:
        self.ecs.update_service(cluster=self.name, service="web", **change)

    @property
    def weights(self) -> tuple[int, int]:
        """Blue, green."""
        groups = self.elb.describe_rules(RuleArns=[self.rule])["Rules"][0]["Actions"][0]["ForwardConfig"]
        shares = {group["TargetGroupArn"]: group["Weight"] for group in groups["TargetGroups"]}
        return shares[self.blue], shares[self.green]

    def healthy(self, group: str) -> int:
        targets = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        assert all(target["Target"]["Id"].startswith("10.7.0.") for target in targets)
        return sum(target["TargetHealth"]["State"] == "healthy" for target in targets)

    @property
    def service(self) -> dict[str, Any]:
        return self.ecs.describe_services(cluster=self.name, services=["web"])["services"][0]

    @property
    def deployments(self) -> list[dict[str, Any]]:
        """Newest first, as described."""
        listed = self.ecs.list_service_deployments(cluster=self.name, service="web")["serviceDeployments"]
        arns = [brief["serviceDeploymentArn"] for brief in listed]
        described = self.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
        return [next(d for d in described if d["serviceDeploymentArn"] == arn) for arn in arns]


def test_the_first_deployment_ends_on_green_and_the_second_on_blue(endpoint: Endpoint) -> None:
    site = Site(endpoint)
    assert site.weights == (0, 100)
    assert (site.healthy(site.blue), site.healthy(site.green)) == (0, 2)
    site.update(taskDefinition=site.revision("v2"))
    assert site.weights == (100, 0)
    assert (site.healthy(site.blue), site.healthy(site.green)) == (2, 0)


@pytest.mark.parametrize("strategy", ["CANARY", "LINEAR"])
def test_traffic_that_shifts_in_steps_ends_on_green_too(endpoint: Endpoint, strategy: str) -> None:
    site = Site(endpoint, strategy)
    assert site.weights == (0, 100)
    assert site.deployments[0]["deploymentConfiguration"]["strategy"] == strategy


def test_a_rolling_deployment_moves_no_weight(endpoint: Endpoint) -> None:
    site = Site(endpoint, "ROLLING")
    site.update(taskDefinition=site.revision("v2"))
    assert site.weights == (100, 0)
    assert site.healthy(site.blue) == 2
    assert len(site.deployments) == 2


def test_a_forced_deployment_is_one_and_a_changed_count_is_none(endpoint: Endpoint) -> None:
    site = Site(endpoint)
    site.update(desiredCount=3)
    assert len(site.deployments) == 1
    site.update(forceNewDeployment=True)
    assert len(site.deployments) == 2
    assert site.weights == (100, 0)
    assert site.healthy(site.blue) == 3


def test_a_service_at_no_tasks_has_a_deployment_without_digests(endpoint: Endpoint) -> None:
    site = Site(endpoint, count=0)
    endpoint.client("ecr").create_repository(repositoryName=site.name)
    _push(endpoint, site.name, "v1")
    assert (site.service["desiredCount"], site.service["runningCount"]) == (0, 0)
    assert "imageDigest" not in _image(site)
    site.update(desiredCount=1, forceNewDeployment=True)
    assert _image(site)["imageDigest"].startswith("sha256:")


def _push(endpoint: Endpoint, repository: str, tag: str) -> None:
    manifest = json.dumps({"schemaVersion": 2, "tag": tag})
    endpoint.client("ecr").put_image(repositoryName=repository, imageTag=tag, imageManifest=manifest)


def _image(site: Site) -> dict[str, Any]:
    revision = site.deployments[0]["targetServiceRevision"]["arn"]
    (described,) = site.ecs.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"]
    return described["containerImages"][0]


def test_a_broken_image_trips_the_circuit_breaker_and_the_old_tasks_stay(endpoint: Endpoint) -> None:
    site = Site(endpoint)
    site.update(taskDefinition=site.revision("broken-v2"))
    newest, first = site.deployments
    assert (newest["status"], first["status"]) == ("ROLLBACK_SUCCESSFUL", "SUCCESSFUL")
    assert newest["rollback"]["reason"]
    assert site.weights == (0, 100)
    service = site.service
    assert service["taskDefinition"].endswith(":1")
    assert service["runningCount"] == 2
    assert [deployment["rolloutState"] for deployment in service["deployments"]] == ["COMPLETED"]
    stopped = site.ecs.list_tasks(cluster=site.name, desiredStatus="STOPPED")["taskArns"]
    tasks = site.ecs.describe_tasks(cluster=site.name, tasks=stopped)["tasks"]
    assert {"EssentialContainerExited"} <= {task["stopCode"] for task in tasks}


def test_a_broken_image_that_nothing_guards_is_not_started_for_ever(endpoint: Endpoint) -> None:
    site = Site(endpoint, count=0)
    site.update(taskDefinition=site.revision("broken"))
    site.update(desiredCount=2)
    assert (site.service["desiredCount"], site.service["runningCount"]) == (2, 0)
    site.update(desiredCount=0)
    site.update(desiredCount=2, forceNewDeployment=True)
    site.update(taskDefinition=site.revision("v2"))
    assert site.service["runningCount"] == 2
    states = [one["rolloutState"] for one in site.service["deployments"]]
    assert states == ["COMPLETED"], "ECS lets go of a deployment that failed"


@pytest.mark.parametrize(("tag", "code"), [("v1", 0), ("broken", 1)])
def test_a_task_of_no_service_ends_by_itself(endpoint: Endpoint, tag: str, code: int) -> None:
    site = Site(endpoint, count=0)
    started = site.ecs.run_task(
        cluster=site.name, taskDefinition=site.revision(tag), networkConfiguration=site.network
    )["tasks"][0]
    assert started["lastStatus"] == "RUNNING"

    def task() -> dict[str, Any]:
        return site.ecs.describe_tasks(cluster=site.name, tasks=[started["taskArn"]])["tasks"][0]

    eventually(lambda: task()["lastStatus"], "STOPPED")
    ended = task()
    assert ended["containers"][0]["exitCode"] == code
    assert (ended["stopCode"], ended["group"]) == ("EssentialContainerExited", f"family:{site.name}")


def test_scaling_says_what_it_did(endpoint: Endpoint) -> None:
    site, scaling = Site(endpoint, count=0), endpoint.client("application-autoscaling")
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{site.name}/web",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaling.register_scalable_target(**target, MinCapacity=2, MaxCapacity=4)
    described = scaling.describe_scaling_activities(ServiceNamespace="ecs", ResourceId=target["ResourceId"])
    (activity,) = described["ScalingActivities"]
    assert activity["Description"] == "Setting desired count to 2."
    assert (activity["Cause"], activity["StatusCode"]) == ("minimum capacity was set to 2", "Successful")
    assert site.service["runningCount"] == 2


def test_a_task_writes_that_it_is_a_stand_in(endpoint: Endpoint) -> None:
    site, logs = Site(endpoint, count=0), endpoint.client("logs")
    logs.create_log_group(logGroupName=site.name)
    options = {"awslogs-group": site.name, "awslogs-stream-prefix": "app", "awslogs-region": "eu-central-1"}
    site.ecs.register_task_definition(
        family=site.name,
        containerDefinitions=[
            {"name": "app", "image": "x:v1", "logConfiguration": {"logDriver": "awslogs", "options": options}}
        ],
    )
    site.ecs.run_task(cluster=site.name, taskDefinition=site.name)
    (event,) = logs.filter_log_events(logGroupName=site.name)["events"]
    assert event["message"] == "local stand-in for x:v1: runs"


STAGED = """
Resources:
  Service:
    Type: AWS::ECS::Service
    Properties:
      Cluster: {cluster}
      ServiceName: staged
      TaskDefinition: {revision}
      DeploymentConfiguration: {{Strategy: CANARY, CanaryConfiguration: {{CanaryPercent: 20}}}}
      LoadBalancers:
        - ContainerName: app
          ContainerPort: 8080
          TargetGroupArn: {blue}
          AdvancedConfiguration:
            {{AlternateTargetGroupArn: {green}, ProductionListenerRule: {rule}, RoleArn: any}}
"""


def test_at_a_pace_a_stacks_deployment_is_seen_in_its_stages_while_the_weights_move() -> None:
    with local.endpoint(pace=0.3) as slow:
        site, cloudformation = Site(slow, count=0), slow.client("cloudformation")
        body = STAGED.format(
            cluster=site.name, revision=site.revision("v2"), blue=site.blue, green=site.green, rule=site.rule
        )
        before = site.weights
        cloudformation.create_stack(StackName="Staged", TemplateBody=body)
        seen: list[tuple[str, tuple[int, int]]] = []

        def shifts() -> bool:
            listed = site.ecs.list_service_deployments(cluster=site.name, service="staged")
            for brief in listed["serviceDeployments"]:
                arns = [brief["serviceDeploymentArn"]]
                (now,) = site.ecs.describe_service_deployments(serviceDeploymentArns=arns)[
                    "serviceDeployments"
                ]
                seen.append((now["lifecycleStage"], site.weights))
            return ("PRODUCTION_TRAFFIC_SHIFT", (20, 80)) in seen

        assert before == (0, 100)
        eventually(shifts, True)
        assert {stage for stage, _ in seen} & {"RECONCILE_SERVICE", "SCALE_UP"}


def test_what_is_made_anew_has_no_former_life(endpoint: Endpoint, new_stack: NewStack) -> None:
    stack, ecs = new_stack(), endpoint.client("ecs")
    assert stack.deploy("CREATE") == "CREATE_COMPLETE"
    assert stack.deploy("UPDATE", Enabled="true") == "UPDATE_COMPLETE"
    assert stack.delete() == "DELETE_COMPLETE"
    assert stack.deploy("CREATE") == "CREATE_COMPLETE"
    ids = stack.physical_ids
    assert ecs.list_tasks(cluster=ids["Cluster"], desiredStatus="STOPPED")["taskArns"] == []
    deployments = ecs.list_service_deployments(cluster=ids["Cluster"], service=ids["Service"])
    assert len(deployments["serviceDeployments"]) == 1
