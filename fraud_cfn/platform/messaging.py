"""Messaging: the queue of jobs from the API to the worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Ref
from troposphere.sqs import Queue, QueuePolicy, RedrivePolicy

from fraud_cfn.platform.intrinsics import DELETED, sub
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.parameters import DATA_KMS_KEY, DATA_KMS_KEY_ARN
from fraud_cfn.platform.permissions import only_over_tls

DAY = 24 * 60 * 60  # seconds

# SQS takes one of the two; the reuse period of a data key is left at its 5 minutes.
_ENCRYPTED: dict[str, Any] = {
    "SqsManagedSseEnabled": DATA_KMS_KEY.choose_not(True),
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
        VisibilityTimeout=300,
        MessageRetentionPeriod=4 * DAY,
        **_ENCRYPTED,
        RedrivePolicy=RedrivePolicy(
            deadLetterTargetArn=dead_letters.get_att("Arn"),
            maxReceiveCount=5,
        ),
    )
    return WorkQueue(
        queue=queue,
        queue_policy=tls_only(queue),
        dead_letters=dead_letters,
        dead_letters_policy=tls_only(dead_letters),
    )


def dead_letter_queue(title: str, thing: str, source: str = "") -> Queue:
    """A queue that keeps what could not be handled for 14 days, the most that SQS offers.

    Of all queues only `fraud-<source>-<suffix>` may move messages here, without `source` none. By name,
    since the two would refer to each other.
    """
    arn = sub(f"arn:{{partition}}:sqs:{{region}}:{{account}}:fraud-{source}-{{suffix}}")
    allowed = {"redrivePermission": "byQueue", "sourceQueueArns": [arn]}
    return Queue(
        title,
        **DELETED,
        QueueName=name(thing),
        MessageRetentionPeriod=14 * DAY,
        RedriveAllowPolicy=allowed if source else {"redrivePermission": "denyAll"},
        **_ENCRYPTED,
    )


def tls_only(queue: Queue) -> QueuePolicy:
    return QueuePolicy(
        f"{queue.title}Policy",
        Queues=[Ref(queue)],
        PolicyDocument=only_over_tls("sqs", queue.get_att("Arn")),
    )
