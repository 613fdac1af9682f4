"""The command line: arguments and the last line. Imports boto3 only once there is something to ask."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from fraud_cfn.config import ROOT, SUFFIX_FORM, SUFFIX_MOST
from fraud_cfn.deploy.errors import (
    DeployError,
    DetachedError,
    Exit,
    InterruptionError,
    UnexpectedError,
    UsageError,
)
from fraud_cfn.deploy.terminal.plain import wrapped
from fraud_cfn.streams import Stream

if TYPE_CHECKING:
    from fraud_cfn.deploy.stack.outcome import Outcome
    from fraud_cfn.deploy.terminal.console import Console

_HEAD = "Deploy the platform and operate it. ENV is the environment's suffix: dev, staging, pr-12."
_EPILOG = """examples:
  make plan ENV=dev                            what a deployment would change
  make deploy ENV=dev                          deploy the committed template
  make start ENV=dev                           go live, with the images pushed
  make release ENV=dev SERVICE=api TAG=v1.2    a new image
  make destroy ENV=dev                         delete it all, and prove it

'make VERB ENV=dev ARGS=--help' shows each verb's options and examples; \
'.venv/bin/fraud-cfn VERB dev …' is the same.

exit codes: 0 done or no changes, 1 failed and rolled back cleanly, 2 could not begin (arguments, \
credentials, template), 3 plan has changes (--exit-code), 4 declined or nobody to ask, 5 change set \
rejected, 6 something is left to be done, 7 a guard refused, 8 what runs is not well, 9 AWS refused, \
70 a fault of this command, 124 AWS goes on, 130 interrupted.
The last line is 'result=… stack=…'."""


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns its exit code. Never raises for what a user can cause."""
    from fraud_cfn import streams
    from fraud_cfn.deploy.terminal import interrupts

    streams.prepare()
    words = sys.argv[1:] if arguments is None else arguments
    try:
        interrupts.begin()
        return _main(words)
    except KeyboardInterrupt:  # before the verb begins, or while its end is being told
        return refuse(_interruption(), words)


def _main(words: list[str]) -> int:
    from fraud_cfn.deploy.terminal import typed
    from fraud_cfn.deploy.terminal.console import Console

    typed.remember(words)
    try:
        _must_be_text(words)
        parsed, unknown = _parser().parse_known_args(words)
        if unknown:
            raise UsageError(f"unrecognized arguments: {shlex.join(unknown)}", _help(parsed.verb))
        options = vars(parsed)
    except UsageError as error:
        return refuse(error, words)
    verb, suffix, form = options.pop("verb"), options.pop("environment"), options.pop("form", "text")
    console = Console(color=options.pop("color"), form=form)
    try:
        outcome = _run(verb, suffix, console, options)
    except KeyboardInterrupt:
        outcome = _early(console, _interruption())
    except DeployError as error:
        outcome = _early(console, error)
    except Exception as error:
        if "FRAUD_CFN_DEBUG" in os.environ:
            raise
        text = f"this should not happen: {type(error).__name__}: {error}"
        outcome = _early(console, UnexpectedError(text, "FRAUD_CFN_DEBUG=1 shows where; please report it"))
    if form == "markdown" and outcome.markdown:
        console.document(outcome.markdown)
    return _last(console, form, outcome, _stack_in([verb, suffix]))


def refuse(error: DeployError, words: list[str]) -> int:
    """Say what is wrong with that command line, in the form that it asks for; the exit code."""
    from fraud_cfn.deploy.terminal.console import Console

    form = _form_in(words)
    console = Console(form=form)
    return _last(console, form, _early(console, error), _stack_in(words))


def _interruption() -> DeployError:
    """What Ctrl-C means at this moment."""
    from fraud_cfn.deploy.terminal import interrupts

    now = interrupts.declared()
    if now.goes_on:
        return DetachedError(f"detached; {now.words}", now.next_step)
    return InterruptionError(f"interrupted; {now.words}", now.next_step)


def _early(console: Console, error: DeployError) -> Outcome:
    """Say what ended the command early and, where something was changed before, what is true now."""
    from fraud_cfn.deploy.stack.causes import advice
    from fraud_cfn.deploy.stack.outcome import Outcome
    from fraud_cfn.deploy.terminal import interrupts

    now = interrupts.declared()
    so_far = now.words if (now.changed or now.goes_on) and not error.tells_all else ""
    known = error.next_step or advice(error.message).replace("{diagnose}", "")
    steps = [step for step in (known, now.next_step if so_far else "") if step]
    console.say(f"error: {error.message}", "bold red")
    if so_far:
        console.say(f"now:   {so_far}")
    for step in dict.fromkeys(steps):
        console.say(f"next:  {step}")
    code = error.exit
    if code in (Exit.USAGE, Exit.AWS):
        code = Exit.TIMED_OUT if now.goes_on else Exit.AWS if now.changed else code
    data = {"error": error.message, "now": now.words, "next": "; ".join(dict.fromkeys(steps))}
    return Outcome(error.result, "", code, data)


def _run(verb: str, suffix: str, console: Console, options: dict[str, Any]) -> Outcome:
    _must_be_whole(verb, suffix)
    from fraud_cfn.deploy.account import session
    from fraud_cfn.deploy.stack import stacks

    name = stacks.name_of(suffix)
    with session.explained():
        place = session.connect(options.pop("region"), options.pop("endpoint_url"), console.say)
        where = f" at {place.endpoint}" if place.endpoint else ""
        account = place.account
        console.local = place.answering.local
        console.say(f"{name}  eu-central-1  account {account}{where}", "bold")
        if off := place.clock.off:
            console.warn(
                f"this machine's clock is {off}, which AWS refuses: AWS's time is signed; set the clock"
            )
        module = importlib.import_module(f"fraud_cfn.deploy.verbs.{verb.replace('-', '_')}")
        return module.run(place, suffix, console, **options)


def _must_be_whole(verb: str, suffix: str) -> None:
    """`UsageError` where the command stands without its checkout, or without the packages it needs."""
    if not (ROOT / "generate.py").is_file():
        raise UsageError(
            f"fraud-cfn works in a checkout only: the reviewed template is there, and not beside {ROOT}",
            f"clone the project, and there: make {verb} ENV={shlex.quote(suffix)}",
        )
    if missing := [name for name in ("boto3", "rich", "yaml") if find_spec(name) is None]:
        ours = Path(sys.prefix) == ROOT / ".venv"
        again = "make clean install" if ours else f"make {verb} ENV={shlex.quote(suffix)}"
        raise UsageError(
            f"this Python ({sys.executable}) lacks {', '.join(missing)}",
            f"let make install and use what is needed: {again}",
        )


def _last(console: Console, form: str, outcome: Outcome, stack: str) -> int:
    """JSON to stdout where that was asked for; then the last line, never into the JSON."""
    if form == "json":
        exit_code = int(outcome.exit)
        head = {"result": outcome.result, "stack": stack, "arn": outcome.stack, "exit": exit_code}
        console.json({**head, **outcome.data}, indent=None if outcome.line_by_line else 2)
    console.last(f"result={outcome.result} stack={stack}")
    return int(outcome.exit)


def _must_be_text(words: list[str]) -> None:
    for number, word in enumerate(words, 1):
        if re.search("[\ud800-\udfff]", word):  # what Python makes of bytes that it cannot decode
            raise UsageError(
                f"argument {number} is not text in this locale's encoding: {word!r}",
                "write it in the encoding that LC_ALL names, or set LC_ALL=C.UTF-8",
            )


def _stack_in(words: list[str]) -> str:
    """The stack's name that a command line asks for, as far as it can be told; empty where it cannot."""
    suffix = words[1] if len(words) > 1 else ""
    usable = re.fullmatch(SUFFIX_FORM, suffix) and len(suffix) <= SUFFIX_MOST
    return f"TapStack{suffix}" if usable else ""


def _form_in(words: list[str]) -> str:
    """What `--format` asks for on a command line that cannot be parsed."""
    joined = "\0".join(words).replace("--format\0", "--format=")
    asked = [word for word in joined.split("\0") if word.startswith("--format=")]
    form = asked[-1].partition("=")[2] if asked else "text"
    return form if form in ("json", "markdown") else "text"


# ── Arguments ─────────────────────────────────────────────────────────────────────────────────────


class _Help(argparse.RawDescriptionHelpFormatter):
    """Its lines as they are written, broken at spaces where the terminal is narrower."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = text.splitlines()
        return "\n".join(
            indent + part
            for line in lines
            for part in wrapped(line, width, len(line) - len(line.lstrip()) + 4)
        )


class _Parser(argparse.ArgumentParser):
    """Raises `UsageError` where argparse would print its own form of an error and exit."""

    def print_help(self, file: Any = None) -> None:
        """Whoever reads it may go away; some versions of argparse fail then."""
        stream = Stream(file or sys.stdout)
        stream.write(self.format_help())
        stream.flush()

    def error(self, message: str) -> NoReturn:
        verb = self.prog.removeprefix("fraud-cfn").strip()
        raise UsageError(message, _help(verb))


def _help(verb: str) -> str:
    return f"make {verb} ENV=dev ARGS=--help" if verb else "make help"


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        "fraud-cfn",
        description=_HEAD,
        epilog=_EPILOG,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for build in _VERBS:
        build(verbs)
    return parser


def _verb(verbs: Any, name: str, says: str, *examples: str) -> argparse.ArgumentParser:
    shown = "\n".join(f"  {_typed(name, example)}" for example in examples)
    one = verbs.add_parser(
        name,
        help=says,
        description=f"{says[0].upper()}{says[1:]}.",
        epilog=f"examples:\n{shown}",
        formatter_class=_Help,
        allow_abbrev=False,
    )
    one.add_argument("environment", metavar="ENV", help="environment suffix; the stack is TapStack<ENV>")
    where = one.add_argument_group("where")
    where.add_argument("--region", type=_word, help="eu-central-1, the only one this platform is built for")
    where.add_argument(
        "--endpoint-url", type=_word, metavar="URL", help="instead of AWS, as AWS_ENDPOINT_URL"
    )
    where.add_argument("--no-color", dest="color", action="store_false", help="as NO_COLOR")
    return one


def _typed(verb: str, example: str) -> str:
    """An example as hints spell it: by make, which always works in the checkout."""
    suffix, _, options = example.partition(" ")
    return f"make {verb} ENV={suffix}{f' ARGS={shlex.quote(options)}' if options else ''}"


def _many(parser: argparse.ArgumentParser, option: str, metavar: str, says: str) -> None:
    parser.add_argument(
        option, type=_word, metavar=metavar, action="append", default=[], help=f"{says}; repeatable"
    )


def _format(parser: argparse.ArgumentParser, *forms: str) -> None:
    parser.add_argument(
        "--format", dest="form", choices=forms, default=forms[0], help="of what goes to stdout"
    )


def _word(text: str) -> str:
    """Something: an empty value is a variable that is not set, and would be taken for no option at all."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; is a variable not set?")
    return text


def _span(text: str) -> float:
    """A number that a clock can reach."""
    try:
        number = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from error
    if not number >= 0:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return number


def _timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout", type=_span, default=90, metavar="MINUTES", help="stop waiting; the stack goes on"
    )


def _change(parser: argparse.ArgumentParser) -> None:
    """Options of the verbs that make a change set."""
    parser.add_argument(
        "--yes", action="store_true", help="do not ask; never covers replacing or deleting data"
    )
    _many(parser, "--allow-replace", "ID", "let this stateful resource be replaced, losing its data")
    _many(parser, "--allow-delete", "ID", "let this stateful resource be deleted, losing its data")
    _blue_first(parser)
    _timeout(parser)


def _blue_first(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--blue-first",
        action="store_true",
        help="where green is in front and a change would turn that: first deploy what runs, onto blue",
    )


def _template(parser: argparse.ArgumentParser) -> None:
    _many(parser, "--param", "NAME=VALUE", "a parameter; others keep the stack's value")
    _many(parser, "--tag", "NAME=VALUE", "a tag on the stack and all its resources")
    parser.add_argument("--role-arn", type=_word, metavar="ARN", help="the role CloudFormation assumes")
    through = parser.add_mutually_exclusive_group()
    through.add_argument(
        "--s3-bucket",
        type=_word,
        metavar="BUCKET",
        help="a template over 51,200 bytes goes through it",
    )
    through.add_argument(
        "--no-bucket", dest="s3_bucket", action="store_const", const="", help="make and use no bucket"
    )
    parser.add_argument(
        "--template",
        dest="template_file",
        type=Path,
        metavar="FILE",
        help="another rendered template, such as an older commit's; it is not checked first",
    )


def _deploy(verbs: Any) -> None:
    one = _verb(
        verbs,
        "deploy",
        "deploy the committed template by change set",
        "dev",
        "dev --yes --param DatabaseMinCapacity=1",
        "dev --change-set ARN",
        "dev --allow-replace DatabaseCluster",
    )
    _change(one)
    _template(one)
    one.add_argument(
        "--change-set", type=_word, metavar="ARN", help="execute exactly what 'plan --keep' showed"
    )
    one.add_argument(
        "--no-rollback", dest="rollback", action="store_false", help="on failure stop where it is"
    )
    one.add_argument("--detach", action="store_true", help="do not wait for the end")
    _format(one, "text", "json")


def _plan(verbs: Any) -> None:
    one = _verb(
        verbs,
        "plan",
        "show what a deployment would change",
        "dev",
        "dev --keep",
        "dev --exit-code --format markdown",
    )
    _template(one)
    one.add_argument("--keep", action="store_true", help="keep the change set and print its ARN")
    one.add_argument("--exit-code", action="store_true", help="exit 3 if there are changes")
    _many(one, "--allow-replace", "ID", "as deploy would be told")
    _many(one, "--allow-delete", "ID", "as deploy would be told")
    _timeout(one)
    _format(one, "text", "json", "markdown")


def _outputs(verbs: Any) -> None:
    one = _verb(verbs, "outputs", "print the stack's outputs", "dev", "dev --format json")
    _format(one, "text", "json")


def _rollback(verbs: Any) -> None:
    one = _verb(verbs, "rollback", "roll back a stack that stopped halfway", "dev", "dev --skip ApiService")
    one.add_argument("--yes", action="store_true", help="do not ask")
    _many(one, "--skip", "ID", "a resource that a failed rollback leaves as it is")
    _timeout(one)
    _format(one, "text", "json")


def _cancel(verbs: Any) -> None:
    one = _verb(
        verbs,
        "cancel",
        "cancel a running update, or delete what is being created",
        "dev",
        "dev --yes --confirm TapStackdev",
    )
    one.add_argument("--yes", action="store_true", help="do not ask; to delete it needs --confirm")
    one.add_argument("--confirm", type=_word, metavar="NAME", help="the stack's name, typed out")
    _timeout(one)
    _format(one, "text", "json")


def _destroy(verbs: Any) -> None:
    one = _verb(
        verbs,
        "destroy",
        "delete an environment whole, and prove that nothing is left",
        "dev",
        "dev --yes --confirm TapStackdev",
        "dev --retain DataBucket",
    )
    one.add_argument("--yes", action="store_true", help="do not ask; needs --confirm")
    one.add_argument("--confirm", type=_word, metavar="NAME", help="the stack's name, typed out")
    _many(one, "--retain", "ID", "a resource that stays in the account after a failed deletion")
    one.add_argument(
        "--unprotect", action="store_true", help="first take away what protects it against deletion"
    )
    _timeout(one)
    _format(one, "text", "json")


def _start(verbs: Any) -> None:
    one = _verb(
        verbs,
        "start",
        "go live: check the images, enable the services, prove that they serve",
        "dev",
        "dev --back",
    )
    one.add_argument("--yes", action="store_true", help="do not ask")
    one.add_argument("--back", action="store_true", help="the way back: no tasks, no schedule")
    one.add_argument("--protect", action="store_true", help="once live, protect the stack against deletion")
    one.add_argument(
        "--steady", type=_span, default=60, metavar="SECONDS", help="how long tasks must stay; default 60"
    )
    _blue_first(one)
    _timeout(one)
    _format(one, "text", "json")


def _release(verbs: Any) -> None:
    one = _verb(
        verbs,
        "release",
        "release one image; nothing else changes",
        "dev --service api --tag v1.2",
        "dev --service api --back",
    )
    one.add_argument(
        "--service", required=True, type=_word, metavar="NAME", help="whose image; status shows the names"
    )
    which = one.add_mutually_exclusive_group(required=True)
    which.add_argument("--tag", type=_word, metavar="TAG", help="the image's tag in its repository")
    which.add_argument("--back", action="store_true", help="the tag that ran before")
    _blue_first(one)
    one.add_argument("--yes", action="store_true", help="do not ask")
    _timeout(one)
    _format(one, "text", "json")


def _status(verbs: Any) -> None:
    one = _verb(verbs, "status", "show what runs, and whether it is what the stack says", "dev")
    _format(one, "text", "json")


def _logs(verbs: Any) -> None:
    one = _verb(
        verbs,
        "logs",
        "show the services' logs",
        "dev --service worker --follow",
        "dev --since 2h --filter ERROR",
    )
    one.add_argument("--service", type=_word, metavar="NAME", help="only this one's; status shows the names")
    one.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    one.add_argument("--since", default="10m", metavar="SPAN", help="90s, 10m, 2h, 1d; default 10m")
    one.add_argument("--filter", dest="pattern", default="", metavar="PATTERN", help="of CloudWatch Logs")
    one.add_argument("--tracing", action="store_true", help="the tracing sidecar's too")
    _format(one, "text", "json")


def _run_job(verbs: Any) -> None:
    one = _verb(
        verbs,
        "run-job",
        "run the job now, as its schedule would",
        "dev",
        "dev --detach",
        "dev --command 'python -m reports --month 2026-03'",
        "dev --stop 0123456789abcdef0123456789abcdef",
    )
    one.add_argument(
        "--service", type=_word, metavar="NAME", help="which scheduled task, where there are several"
    )
    one.add_argument(
        "--command", type=_word, metavar="WORDS", help="run this in the job's place: its image, role, network"
    )
    how = one.add_mutually_exclusive_group()
    how.add_argument("--detach", action="store_true", help="do not wait for the end")
    how.add_argument(
        "--stop", type=_word, metavar="TASK", help="stop that run of it, and wait until it has ended"
    )
    _timeout(one)
    _format(one, "text", "json")


def _diagnose(verbs: Any) -> None:
    one = _verb(verbs, "diagnose", "look for what is wrong, and say what to do", "dev")
    _format(one, "text", "json")


_VERBS = (
    _plan,
    _deploy,
    _start,
    _release,
    _status,
    _outputs,
    _logs,
    _run_job,
    _diagnose,
    _rollback,
    _cancel,
    _destroy,
)


if __name__ == "__main__":
    sys.exit(main())
