"""Messaging: the queue of jobs from the API to the worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Ref
from troposphere.sqs import Queue, QueuePolicy, RedrivePolicy

from fraud_cfn.platform.intrinsics import DELETED, because, sub
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.parameters import DATA_KMS_KEY, DATA_KMS_KEY_ARN
from fraud_cfn.platform.permissions import only_over_tls

DAY = 24 * 60 * 60  # seconds

_ENCRYPTED: dict[str, Any] = {
    "SqsManagedSseEnabled": because(
        DATA_KMS_KEY.choose_not(True), "SQS takes one of the two: its own key, or the one that was given"
    ),
    "KmsMasterKeyId": DATA_KMS_KEY.choose(Ref(DATA_KMS_KEY_ARN)),
}


@dataclass(frozen=True)
class WorkQueue:
    queue: Queue
    queue_policy: QueuePolicy
    dead_letters: Queue
    dead_letters_policy: QueuePolicy


def build() -> WorkQueue:
    return work_queue("JobQueue", "jobs", "DeadLetterQueue", "dead-letters")


def work_queue(title: str, thing: str, dead_title: str, dead_thing: str) -> WorkQueue:
    """A queue `fraud-<thing>-<suffix>`, whose messages move to its dead letters after five receives."""
    dead_letters = dead_letter_queue(dead_title, dead_thing, source=thing)
    queue = Queue(
        title,
        **DELETED,
        QueueName=name(thing),
        VisibilityTimeout=because(300, "seconds; whoever works longer on a message must extend it"),
        MessageRetentionPeriod=because(4 * DAY, "4 days"),
        **_ENCRYPTED,
        RedrivePolicy=RedrivePolicy(
            deadLetterTargetArn=dead_letters.get_att("Arn"),
            maxReceiveCount=because(5, "then it is set aside, so that it cannot block the others"),
        ),
    )
    return WorkQueue(
        queue=queue,
        queue_policy=tls_only(queue),
        dead_letters=dead_letters,
        dead_letters_policy=tls_only(dead_letters),
    )


def dead_letter_queue(title: str, thing: str, source: str = "") -> Queue:
    """A queue that keeps what could not be handled.

    Of all queues only `fraud-<source>-<suffix>` may move messages here, without `source` none.
    """
    arn = sub(f"arn:{{partition}}:sqs:{{region}}:{{account}}:fraud-{source}-{{suffix}}")
    allowed = {"redrivePermission": "byQueue", "sourceQueueArns": [arn]}
    return Queue(
        title,
        **DELETED,
        QueueName=name(thing),
        MessageRetentionPeriod=because(14 * DAY, "14 days, the most that SQS keeps"),
        RedriveAllowPolicy=because(allowed, "by name: the two queues would refer to each other")
        if source
        else because({"redrivePermission": "denyAll"}, "no queue moves its messages here"),
        **_ENCRYPTED,
    )


def tls_only(queue: Queue) -> QueuePolicy:
    return QueuePolicy(
        f"{queue.title}Policy",
        Queues=[Ref(queue)],
        PolicyDocument=only_over_tls("sqs", queue.get_att("Arn")),
    )
