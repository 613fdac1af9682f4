"""Shows what a deployment would change, and changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fraud_cfn.deploy.account.looks import not_looked_at
from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.change import bucket, changeset, parameters, prepare, preview, readiness, template
from fraud_cfn.deploy.change.carry_out import Consent, Place, Review, refusal, review, show
from fraud_cfn.deploy.errors import Exit
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.stack.statuses import Action, action
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.terminal.plain import fenced


def run(
    session: Session,
    suffix: str,
    console: Console,
    *,
    param: list[str],
    tag: list[str],
    allow_replace: list[str],
    allow_delete: list[str],
    template_file: Path | None,
    role_arn: str | None,
    s3_bucket: str | None,
    keep: bool,
    exit_code: bool,
    timeout: float,
) -> Outcome:
    source = template.load(template_file)
    place = Place(session, suffix, source.document)
    given = parameters.given(suffix, param, tag)
    parameters.check(source.parameters, given)
    with template.checking(source) as checks:
        stack = _at_rest(place, console, timeout * 60)
        todo = action(stack.status if stack else None)
        if stack and todo in (Action.RECREATE, Action.ASK):
            console.result(f"{stack.name} is {stack.status}: deploy would delete it and create it anew")
            return Outcome("changes", stack.arn, Exit.CHANGES if exit_code else Exit.DONE)
        stack = None if todo is Action.CREATE else stack
        asked = prepare.parameters_for(
            place, source, stack, given, console, bucket_name=s3_bucket, may_make_bucket=console.can_ask
        )
        checks.finish(console)
    making = bucket.Consent(console, False, f"{stacks.command('deploy', suffix)} makes it, after a question")
    wanted = prepare.request(
        place, source, stack, asked, given.tags, role_arn=role_arn, bucket_name=s3_bucket, consent=making
    )
    with changeset.pending(place.cloudformation, place.stack_name, wanted, console) as one:
        found = review(place, stack, one.arn, console, uploaded="TemplateURL" in wanted)
        one.settled = keep and found is not None
        if found is None:
            console.result("No changes", "bold green")
            nothing = f"{place.stack_name}: no changes"
            done = Outcome("unchanged", stack.arn if stack else "", markdown=nothing)
        else:
            consent = Consent(replace=tuple(allow_replace), delete=tuple(allow_delete))
            done = _report(place, stack, found, consent, console, keep=keep, exit_code=exit_code)
    unknown = asked.unknown | (found.unknown if found else {})
    markdown = done.markdown
    if unknown:
        console.result(f"Unknown to this plan, as told above: {', '.join(unknown)}", "yellow")
        lines = fenced("\n".join(not_looked_at(unknown)))
        markdown += f"\n\n**Unknown to this plan:**\n\n{lines}"
    return replace(done, data={**done.data, **one.left, "unknown": unknown}, markdown=markdown)


def _at_rest(place: Place, console: Console, timeout: float) -> Stack | None:
    while True:
        stack = stacks.find(place.cloudformation, place.stack_name)
        if stack is None or action(stack.status) is not Action.WAIT:
            break
        readiness.attach(place, stack, console, timeout)
    if stack and (problem := readiness.blocked(place, stack)):
        raise problem
    return stack


def _report(
    place: Place,
    stack: Stack | None,
    found: Review,
    consent: Consent,
    console: Console,
    *,
    keep: bool,
    exit_code: bool,
) -> Outcome:
    refused = refusal(place, stack, found, consent)
    show(found, console, result=True)
    markdown = preview.markdown(found.preview)
    if refused:
        console.result(f"Refused: {refused.message}\n         {refused.next_step}", "bold red")
        said = "\n".join((refused.message, refused.next_step))
        markdown += f"\n\n**Deploy refuses this:**\n\n{fenced(said)}"
    if keep:
        how = stacks.command("deploy", place.suffix, f"--change-set {found.change_set.arn}")
        console.say(f"\nKept. To execute exactly this: {how}")
    data = preview.data(found.preview) | {"refused": refused.message if refused else ""}
    if keep:
        data["changeSet"] = found.change_set.arn
    arn = found.change_set.stack_arn if stack or keep else ""  # the shell of a new stack goes with its plan
    return Outcome("changes", arn, Exit.CHANGES if exit_code else Exit.DONE, data, markdown)
