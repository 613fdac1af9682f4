"""What keeps a stack from being deleted, taken out of the way first: by the stack's own resources."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.errors import TimedOutError
from fraud_cfn.deploy.running import buckets, in_the_way
from fraud_cfn.deploy.running.quiet import quiet
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.stacks import Resource, Stack, physical_ids
from fraud_cfn.deploy.terminal import clock, interrupts
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.terminal.interrupts import Standing


def prepare(
    session: Session, stack: Stack, resources: tuple[Resource, ...], console: Console, timeout: float
) -> list[buckets.Refused]:
    """Quiet the environment that these resources make up, and empty its buckets; objects that S3 does not let
    go are returned. What is not among `resources` (retained, or gone) is not touched.
    """
    deadline = clock.Deadline(timeout)
    back = f"back: {stacks.command('start', stack.suffix)}"

    @contextmanager
    def begin() -> Generator[None]:
        told = standing(stack, "what runs in it may be told to stop", back)
        with trouble.asking(told.words, told.next_step):
            yield
        declare(stack, "what runs in it is told to stop", back)

    quiet(session, resources, console, begin)
    in_the_way.deregister(session, resources, console, begin)
    for vpc in physical_ids(resources, "AWS::EC2::VPC"):
        in_the_way.remove_guardduty(session, vpc, console, begin)
    refused: list[buckets.Refused] = []
    for bucket in physical_ids(resources, "AWS::S3::Bucket"):
        before = interrupts.declared()

        def say(deleted: int | None, bucket: str = bucket, before: Standing = before) -> None:
            if deleted == 0:
                interrupts.declare(before)
                return
            gone = (
                f"{deleted:,} version{'s' * (deleted > 1)} deleted" if deleted else "versions may be deleted"
            )
            declare(stack, f"nothing runs in it, and {bucket} is being emptied: {gone} for good")

        try:
            refused += buckets.empty(session, bucket, console, deadline.left, say)
        except TimedOutError as error:
            longer = stacks.destroying(stack.suffix, "--timeout 600")
            raise TimedOutError(
                f"{error.message}; nothing runs in {stack.name}", f"go on where it stopped: {longer}"
            ) from error
    return refused


def declare(stack: Stack, words: str, back: str = "") -> None:
    """What an early end means from here on, while the environment is taken apart."""
    interrupts.declare(standing(stack, words, back))


def standing(stack: Stack, words: str, back: str = "") -> Standing:
    step = "; ".join(filter(None, (f"go on: {stacks.destroying(stack.suffix)}", back)))
    return Standing(f"{stack.name} is still there, but {words}", step, changed=True)
