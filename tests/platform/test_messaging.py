"""The queues, property by property: one more is as wrong as one less."""

from __future__ import annotations

from tests.lens import Lens

DAY = 86_400
KEY = "arn:aws:kms:eu-central-1:111122223333:key/0b1c2d3e-1111-2222-3333-444455556666"
JOBS = "arn:aws:sqs:eu-central-1:111122223333:fraud-jobs-dev"


def test_job_queue_gives_a_message_to_the_dead_letter_queue_after_five_receives(base: Lens) -> None:
    assert base["JobQueue"] == {
        "QueueName": "fraud-jobs-dev",
        "VisibilityTimeout": 300,
        "MessageRetentionPeriod": 4 * DAY,
        "SqsManagedSseEnabled": True,
        "RedrivePolicy": {"deadLetterTargetArn": "<DeadLetterQueue.Arn>", "maxReceiveCount": 5},
    }


def test_dead_letters_are_kept_for_fourteen_days_and_come_from_the_jobs_only(base: Lens) -> None:
    assert base["DeadLetterQueue"] == {
        "QueueName": "fraud-dead-letters-dev",
        "MessageRetentionPeriod": 14 * DAY,
        "SqsManagedSseEnabled": True,
        "RedriveAllowPolicy": {"redrivePermission": "byQueue", "sourceQueueArns": [JOBS]},
    }
    assert JOBS.endswith(":" + base["JobQueue"]["QueueName"]), "by name, since the two refer to each other"


def test_what_a_queue_cannot_deliver_goes_to_dead_letters_that_take_from_it_alone(base: Lens) -> None:
    """Of every queue, also one that a workload brings; dead letters are kept for 14 days."""
    queues = base.of("AWS::SQS::Queue")
    for queue, properties in queues.items():
        if "RedriveAllowPolicy" in properties:
            assert properties["MessageRetentionPeriod"] == 14 * DAY, queue
            continue
        redrive = properties["RedrivePolicy"]
        dead = queues[redrive["deadLetterTargetArn"].strip("<>").removesuffix(".Arn")]
        assert redrive["maxReceiveCount"] == 5, queue
        assert dead["RedriveAllowPolicy"] == {
            "redrivePermission": "byQueue",
            "sourceQueueArns": [f"arn:aws:sqs:eu-central-1:111122223333:{properties['QueueName']}"],
        }, "by name, since the two refer to each other"


def test_missed_runs_are_kept_for_fourteen_days_and_no_queue_moves_its_messages_there(base: Lens) -> None:
    assert base["MissedRunsQueue"] == {
        "QueueName": "fraud-missed-runs-dev",
        "MessageRetentionPeriod": 14 * DAY,
        "SqsManagedSseEnabled": True,
        "RedriveAllowPolicy": {"redrivePermission": "denyAll"},
    }


def test_a_customer_managed_key_takes_the_place_of_sqs_own(base: Lens) -> None:
    with_key = base.under(DataKmsKeyArn=KEY).of("AWS::SQS::Queue")
    for queue, properties in base.of("AWS::SQS::Queue").items():
        without = {name: value for name, value in properties.items() if name != "SqsManagedSseEnabled"}
        assert properties["SqsManagedSseEnabled"] is True
        assert with_key[queue] == without | {"KmsMasterKeyId": KEY}


def test_queues_refuse_requests_without_tls_and_their_policies_grant_nothing(base: Lens) -> None:
    assert base.of("AWS::SQS::QueuePolicy") == {
        f"{queue}Policy": {
            "Queues": [f"<{queue}>"],
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "OnlyOverTls",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": ["sqs:*"],
                        "Resource": [f"<{queue}.Arn>"],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ],
            },
        }
        for queue in base.of("AWS::SQS::Queue")
    }
