"""Outputs: what a user, a pipeline or the deploy command needs to know of a stack."""

from __future__ import annotations

from troposphere import Join, Output, Ref

from fraud_cfn import names
from fraud_cfn.platform.cluster import Platform
from fraud_cfn.platform.dashboard import Views
from fraud_cfn.platform.database import Database
from fraud_cfn.platform.firewall import Firewall
from fraud_cfn.platform.intrinsics import sub
from fraud_cfn.platform.load_balancer import Balancing
from fraud_cfn.platform.messaging import Messaging
from fraud_cfn.platform.naming import dns_name, name, namespace
from fraud_cfn.platform.network import Network
from fraud_cfn.platform.parameters import HTTPS
from fraud_cfn.platform.services.api import Api
from fraud_cfn.platform.services.job import Job
from fraud_cfn.platform.services.worker import Worker
from fraud_cfn.platform.storage import Storage


def build(
    network: Network,
    firewall: Firewall,
    platform: Platform,
    balancing: Balancing,
    database: Database,
    messaging: Messaging,
    storage: Storage,
    api: Api,
    worker: Worker,
    job: Job,
    views: Views,
) -> tuple[Output, ...]:
    dns = balancing.load_balancer.get_att("DNSName")
    return (
        _output("LoadBalancerDnsName", "Point your domain's alias record here", dns),
        _output(
            names.LOAD_BALANCER_URL,
            "The API, under /api/",
            HTTPS.choose(sub("https://{dns}", dns=dns), sub("http://{dns}", dns=dns)),
        ),
        _output("NamespaceName", "Cloud Map namespace", namespace()),
        _output("ApiDnsName", "The API inside the VPC, on port 8080", dns_name("api")),
        _output("WorkerDnsName", "The worker inside the VPC, on port 8080", dns_name("worker")),
        _output(
            "DashboardUrl",
            "The dashboard, in the console",
            sub(
                "https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#dashboards/dashboard/{name}",
                name=Ref(views.dashboard),
            ),
        ),
        _output("ApiRepositoryUri", "Push the API's image here", api.repository.get_att("RepositoryUri")),
        _output(
            "WorkerRepositoryUri",
            "Push the worker's image here",
            worker.repository.get_att("RepositoryUri"),
        ),
        _output("JobRepositoryUri", "Push the job's image here", job.repository.get_att("RepositoryUri")),
        _output("ClusterName", "ECS cluster", Ref(platform.cluster)),
        _output("ApiServiceName", "ECS service of the API", api.service.get_att("Name")),
        _output("WorkerServiceName", "ECS service of the worker", worker.service.get_att("Name")),
        _output("JobTaskFamily", "Task definition family of the job", name("job")),
        _output("JobTaskDefinitionArn", "To run the job by hand: its task definition", Ref(job.task)),
        _output(
            "JobSubnetIds",
            "To run the job by hand: its subnets",
            Join(",", [Ref(subnet) for subnet in network.private_subnets]),
        ),
        _output(
            "JobSecurityGroupId",
            "To run the job by hand: its security group",
            firewall.job.get_att("GroupId"),
        ),
        _output("ScheduleName", "Schedule of the job", Ref(job.schedule)),
        _output("ScheduleGroupName", "Group of the schedule", Ref(job.schedule_group)),
        _output("JobQueueUrl", "Queue from the API to the worker", Ref(messaging.jobs)),
        _output("DeadLetterQueueUrl", "What the worker gave up on", Ref(messaging.dead_letters)),
        _output("MissedRunsQueueUrl", "Runs of the job that could not start", Ref(job.missed_runs)),
        _output("DataBucketName", "Bucket of the workloads' data", Ref(storage.data)),
        _output("DatabaseEndpoint", "Aurora, for writing", database.cluster.get_att("Endpoint.Address")),
        _output(
            "DatabaseReaderEndpoint",
            "Aurora, for reading (the writer where there is no reader)",
            database.cluster.get_att("ReadEndpoint.Address"),
        ),
        _output("ApiLogGroupName", "Logs of the API", Ref(api.logs.group)),
        _output("WorkerLogGroupName", "Logs of the worker", Ref(worker.logs.group)),
        _output("JobLogGroupName", "Logs of the job", Ref(job.logs.group)),
    )


def _output(title: str, description: str, value: object) -> Output:
    return Output(title, Description=description, Value=value)
