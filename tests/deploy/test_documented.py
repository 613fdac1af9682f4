"""What docs/deploy.md says of API calls and stories is so."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fraud_cfn.config import ROOT
from fraud_cfn.deploy.errors import Exit
from tests.deploy.conftest import Teller
from tests.deploy.fake_aws import Aws, change, steps
from tests.deploy.fake_running import Running, Task
from tests.deploy.test_status_table import SERVICE

PAGE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
HERE = Path(__file__).parent


def table(heading: str) -> list[list[str]]:
    """Rows of the first table below that heading, without its own."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[1:]]


DOCUMENTED = dict(table("API calls"))


def quiet(aws: Aws, seconds: int = 0, creating: str = "UPDATE") -> None:
    """An operation in which nothing happens for so long."""
    aws.scripts["ExecuteChangeSet"] = steps(f"0 {creating}_IN_PROGRESS", f"{seconds} {creating}_COMPLETE")


def update(aws: Aws) -> None:
    aws.status, aws.changes = "UPDATE_COMPLETE", [SERVICE]
    quiet(aws)


def plan(aws: Aws, tell: Teller) -> int:
    update(aws)
    assert tell("plan dev").code == 0
    return len(aws.calls)


def unchanged(aws: Aws, tell: Teller) -> int:
    aws.reason = "No updates are to be performed."
    assert tell("deploy dev --yes").code == 0
    return len(aws.calls)


def deployment(aws: Aws, tell: Teller) -> int:
    update(aws)
    assert tell("deploy dev --yes").code == 0
    return len(aws.calls) - 2


def first(aws: Aws, tell: Teller) -> int:
    aws.status, aws.parameters = None, {}
    aws.changes = [change("Add", "Dashboard", "AWS::CloudWatch::Dashboard")]
    quiet(aws, creating="CREATE")
    assert tell("deploy dev --yes").code == 0
    return len(aws.calls) - 2


def status(aws: Aws, tell: Teller) -> int:
    Running(aws).install()
    assert tell("status dev").code == 0
    return len(aws.calls)


def diagnose(aws: Aws, tell: Teller) -> int:
    Running(aws).install()
    assert tell("diagnose dev").code == 0
    return len(aws.calls)


def job(aws: Aws, tell: Teller) -> int:
    running = Running(aws).install()
    running.started = lambda: Task("arn/job-1", "fraud-job-dev", ends=aws.now, exit_code=0)
    assert tell("run-job dev").code == 0
    return len(aws.calls) - 1


COUNTED: dict[str, Callable[[Aws, Teller], int]] = {
    "`plan` of an update": plan,
    "`deploy` without changes": unchanged,
    "`deploy` of an update": deployment,
    "first `deploy`": first,
    "`status` of a live environment": status,
    "`diagnose` of a healthy one": diagnose,
    "`run-job`": job,
}
BOUNDED = {"a release of ten minutes", "an update of ten minutes in which nothing is told"}


def number(row: str) -> int:
    found = re.search(r"\d+", DOCUMENTED[row])
    assert found, row
    return int(found[0])


def test_every_row_is_counted() -> None:
    assert set(DOCUMENTED) == set(COUNTED) | BOUNDED


@pytest.mark.parametrize("row", COUNTED)
def test_so_many_calls_are_made(deployed: Aws, tell: Teller, row: str) -> None:
    assert COUNTED[row](deployed, tell) == number(row)


def test_a_quiet_update_makes_one_call_a_poll(
    deployed: Aws, tell: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    update(deployed)
    quiet(deployed, 600)
    polls: list[float] = []
    wait = deployed.clock.sleep
    monkeypatch.setattr(
        "fraud_cfn.deploy.terminal.clock.sleep", lambda seconds: (polls.append(seconds), wait(seconds))
    )
    assert tell("deploy dev --yes").code == 0
    made = deployed.calls[deployed.calls.index("ExecuteChangeSet") + 1 :]
    assert len(made) <= len(polls) + 2, "one at the beginning, and one at the end"
    assert len(made) <= number("an update of ten minutes in which nothing is told")
    assert max(polls) >= 10


def test_a_release_of_ten_minutes(live: Running, tell: Teller) -> None:
    live.aws.changes = [SERVICE]
    quiet(live.aws, 600)
    live.deployments["fraud-api-dev"] = [live.deployed(1, "IN_PROGRESS", "v1.5", lifecycleStage="BAKE_TIME")]

    def end() -> None:
        live.deployments["fraud-api-dev"][0]["status"] = "SUCCESSFUL"

    look = live.describe_service_deployments
    live.aws.answers["DescribeServiceDeployments"] = lambda asked: (
        end() if live.aws.now > 590 else None,
        look(asked),
    )[1]
    told = tell("release dev --service api --tag v1.5 --yes")
    assert told.code == 0, told.text
    assert len(live.aws.calls) <= number("a release of ten minutes") <= 150


# ── Stories ───────────────────────────────────────────────────────────────────────────────────────

STORIES = table("Stories")


def test_stories_name_files_that_are_there_and_codes_that_are_documented() -> None:
    codes = {int(code) for code, _ in table("Exit codes")}
    assert codes == {int(code) for code in Exit}
    for story, told in STORIES:
        for name in re.findall(r"`(test_\w+\.py)`", story):
            assert (HERE / name).is_file(), name
        assert {int(code) for code in re.findall(r"\b\d+\b", told)} <= codes, story


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story[0][:40])
def test_a_storys_codes_are_asserted_in_its_files(story: list[str]) -> None:
    files = re.findall(r"`(test_\w+\.py)`", story[0])
    text = "".join((HERE / name).read_text("utf-8") for name in files)
    for code in re.findall(r"\b\d+\b", story[1]) if files else ():
        assert re.search(rf"\b{code}\b", text), code


def test_every_file_of_stories_is_named() -> None:
    """Files that play whole commands; what only tests a part is not a story."""
    played = {
        path.name
        for path in HERE.glob("test_*.py")
        if path != Path(__file__)
        and re.search(r"\b(tell|stopped_at|place)\(|\bstart\(real", path.read_text("utf-8"))
    }
    assert set(re.findall(r"`(test_\w+\.py)`", PAGE.split("\n## Stories\n")[1])) == played
