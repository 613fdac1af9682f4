from __future__ import annotations

from tests.lens import Lens

DAY = 86_400


def test_job_queue_gives_a_message_to_the_dead_letter_queue_after_five_receives(base: Lens) -> None:
    queue = base["JobQueue"]
    assert queue["QueueName"] == "fraud-jobs-dev"
    assert queue["VisibilityTimeout"] == 300
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": "<DeadLetterQueue.Arn>", "maxReceiveCount": 5}


def test_dead_letters_are_kept_for_fourteen_days(base: Lens) -> None:
    for queue, name in {
        "DeadLetterQueue": "fraud-dead-letters-dev",
        "MissedRunsQueue": "fraud-missed-runs-dev",
    }.items():
        assert (base[queue]["QueueName"], base[queue]["MessageRetentionPeriod"]) == (name, 14 * DAY)


def test_every_queue_is_encrypted(base: Lens) -> None:
    assert all(queue["SqsManagedSseEnabled"] is True for queue in base.of("AWS::SQS::Queue").values())
