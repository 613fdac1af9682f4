"""Deploys the committed template, or executes a change set that was reviewed before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.change import bucket, changeset, parameters, prepare, readiness, template
from fraud_cfn.deploy.change.carry_out import (
    Consent,
    Execution,
    Place,
    agree,
    carry_out,
    execute,
    follow,
    review,
    show,
)
from fraud_cfn.deploy.errors import ChangeSetError, UsageError
from fraud_cfn.deploy.stack import outcome, stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.terminal.interrupts import undisturbed


def run(
    session: Session,
    suffix: str,
    console: Console,
    *,
    param: list[str],
    tag: list[str],
    yes: bool,
    allow_replace: list[str],
    allow_delete: list[str],
    blue_first: bool,
    change_set: str | None,
    template_file: Path | None,
    role_arn: str | None,
    s3_bucket: str | None,
    rollback: bool,
    timeout: float,
    detach: bool,
) -> Outcome:
    given_too = {
        "--param": param,
        "--tag": tag,
        "--role-arn": role_arn,
        "--template": template_file,
        "--s3-bucket": s3_bucket,
        "--no-bucket": s3_bucket == "",
    }
    if change_set and (extra := [option for option, value in given_too.items() if value]):
        raise UsageError(
            f"--change-set executes what was reviewed, so {', '.join(extra)} would change nothing",
            "leave that out, or plan anew with it",
        )
    source = template.load(template_file)
    place = Place(session, suffix, source.document)
    consent = Consent(yes, tuple(allow_replace), tuple(allow_delete), blue_first=blue_first)
    how = Execution(rollback, detach, timeout * 60)
    if change_set:
        done = _reviewed(place, change_set, consent, how, console)
    else:
        given = parameters.given(suffix, param, tag)
        parameters.check(source.parameters, given)

        def worth_it() -> None:
            prepare.must_be_worth_a_deletion(place, source, given, console)

        with template.checking(source) as checks:
            stack = readiness.ready(place, console, yes=yes, timeout=how.timeout, recreate=worth_it)
            asked = prepare.parameters_for(
                place,
                source,
                stack,
                given,
                console,
                bucket_name=s3_bucket,
                may_make_bucket=yes or console.can_ask,
            )
            checks.finish(console)
        making = bucket.Consent(console, yes, f"agree to it: {stacks.command('deploy', suffix, '--yes')}")
        wanted = prepare.request(
            place, source, stack, asked, given.tags, role_arn=role_arn, bucket_name=s3_bucket, consent=making
        )
        done = carry_out(place, stack, wanted, consent, how, console)
        done = replace(done, data={**done.data, "unknown": asked.unknown | done.data.get("unknown", {})})
    if "outputs" in done.data:
        console.say()
        outcome.outputs(console, done.data["outputs"])
    return done


def _reviewed(place: Place, arn: str, consent: Consent, how: Execution, console: Console) -> Outcome:
    """Execute exactly the change set that `plan --keep` showed."""
    change_set = changeset.reviewed(
        place.cloudformation, arn, place.stack_name, place.session.account, console
    )
    stack = stacks.find(place.cloudformation, change_set.stack_arn)
    new = stack is None or stack.status == "REVIEW_IN_PROGRESS"
    known = None if new else stack
    found = review(place, known, arn, console)
    if found is None:
        raise ChangeSetError("that change set has no changes", "plan again")
    show(found, console)
    agree(place, known, found, consent, how, console)
    with undisturbed():
        execute(place, found.change_set, how, new=new)
    return follow(place, found.change_set, how, console, new=new)
