"""Messaging: the queue of jobs from the API to the worker."""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import Ref
from troposphere.sqs import Queue, QueuePolicy, RedrivePolicy

from fraud_cfn.platform.intrinsics import DELETED
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.permissions import only_over_tls

DAY = 24 * 60 * 60  # seconds


@dataclass(frozen=True)
class Messaging:
    jobs: Queue
    jobs_policy: QueuePolicy
    dead_letters: Queue
    dead_letters_policy: QueuePolicy


def build() -> Messaging:
    dead_letters = dead_letter_queue("DeadLetterQueue", "dead-letters")
    jobs = Queue(
        "JobQueue",
        **DELETED,
        QueueName=name("jobs"),
        VisibilityTimeout=300,
        MessageRetentionPeriod=4 * DAY,
        SqsManagedSseEnabled=True,
        RedrivePolicy=RedrivePolicy(
            deadLetterTargetArn=dead_letters.get_att("Arn"),
            maxReceiveCount=5,
        ),
    )
    return Messaging(
        jobs=jobs,
        jobs_policy=tls_only(jobs),
        dead_letters=dead_letters,
        dead_letters_policy=tls_only(dead_letters),
    )


def dead_letter_queue(title: str, thing: str) -> Queue:
    """A queue that keeps what could not be handled for 14 days, the most that SQS offers."""
    return Queue(
        title,
        **DELETED,
        QueueName=name(thing),
        MessageRetentionPeriod=14 * DAY,
        SqsManagedSseEnabled=True,
    )


def tls_only(queue: Queue) -> QueuePolicy:
    return QueuePolicy(
        f"{queue.title}Policy",
        Queues=[Ref(queue)],
        PolicyDocument=only_over_tls("sqs", queue.get_att("Arn")),
    )
