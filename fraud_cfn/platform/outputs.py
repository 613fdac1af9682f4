"""Outputs: what a user or a pipeline needs to know of a stack; each workload adds its own."""

from __future__ import annotations

from troposphere import Output, Ref

from fraud_cfn.platform.cluster import Platform
from fraud_cfn.platform.dashboard import Views
from fraud_cfn.platform.database import Database
from fraud_cfn.platform.intrinsics import sub
from fraud_cfn.platform.load_balancer import Balancing
from fraud_cfn.platform.messaging import WorkQueue
from fraud_cfn.platform.naming import namespace
from fraud_cfn.platform.parameters import HTTP_ONLY
from fraud_cfn.platform.storage import Storage


def build(
    platform: Platform,
    balancing: Balancing,
    database: Database,
    jobs: WorkQueue,
    storage: Storage,
    views: Views,
) -> tuple[Output, ...]:
    dns = balancing.load_balancer.get_att("DNSName")
    return (
        _output("LoadBalancerDnsName", "Point your domain's alias record here", dns),
        Output(
            "LoadBalancerUrl",
            # No certificate can be of the load balancer's own name.
            Condition=HTTP_ONLY.title,
            Description="The API, under /api/",
            Value=sub("http://{dns}", dns=dns),
        ),
        _output("NamespaceName", "Cloud Map namespace", namespace()),
        _output(
            "DashboardUrl",
            "The dashboard",
            sub(
                "https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#dashboards/dashboard/{name}",
                name=Ref(views.dashboard),
            ),
        ),
        _output("ClusterName", "ECS cluster", Ref(platform.cluster)),
        _output("JobQueueUrl", "Queue from the API to the worker", Ref(jobs.queue)),
        _output("DeadLetterQueueUrl", "What the worker gave up on", Ref(jobs.dead_letters)),
        _output("DataBucketName", "Bucket of the workloads' data", Ref(storage.data)),
        _output("DatabaseEndpoint", "Aurora, for writing", database.cluster.get_att("Endpoint.Address")),
        _output(
            "DatabaseReaderEndpoint",
            "Aurora, for reading; without a reader the writer",
            database.cluster.get_att("ReadEndpoint.Address"),
        ),
    )


def _output(title: str, description: str, value: object) -> Output:
    return Output(title, Description=description, Value=value)
