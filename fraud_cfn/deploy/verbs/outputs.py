"""Prints the stack's outputs."""

from __future__ import annotations

from fraud_cfn.deploy import outcome, stacks
from fraud_cfn.deploy.console import Console
from fraud_cfn.deploy.outcome import Outcome
from fraud_cfn.deploy.session import Session


def run(session: Session, suffix: str, console: Console) -> Outcome:
    stack = stacks.must_find(session.client("cloudformation"), suffix)
    outcome.outputs(console, stack.outputs)
    return Outcome("outputs", stack.arn, data={"outputs": stack.outputs})
