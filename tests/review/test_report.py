"""What a colleague sees: the first screen would stop the right pull request, and shows no secret.

`reports` has changes with all that is said of them, as text and as Markdown.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fraud_cfn.config import COMMITTED
from fraud_cfn.review import report
from fraud_cfn.review.as_json import document
from fraud_cfn.review.model import parse, read
from fraud_cfn.review.report import (
    FIRST_SCREEN,
    MOST_CHARACTERS,
    as_markdown,
    as_text,
    first_screen,
    quoted,
)
from fraud_cfn.review.review import Review, review
from fraud_cfn.review.settings import TagChange
from tests.review.test_cases import load, whole


def reviewed(before: str, after: str, **values: str) -> Review:
    return review(parse(before, "before"), parse(after, "after"), values)


REPORTS = Path(__file__).parent / "reports"


@pytest.mark.parametrize("path", sorted(REPORTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_report_reads_like_this(path: Path) -> None:
    case = whole(load(path))
    before, after = (parse(json.dumps(case[side])) for side in ("before", "after"))

    def asked(known: dict[str, Any]) -> Review:
        tags = tuple(TagChange(*tag) for tag in known.get("tags", ()))
        return review(before, after, known.get("values"), known.get("given"), tags)

    each = {name: asked(known) for name, known in case.get("environments", {}).items()}
    reviewed = asked({})
    assert as_text(reviewed, each) == path.with_suffix(".txt").read_text(encoding="utf-8")
    assert as_markdown(reviewed, each) == path.with_suffix(".md").read_text(encoding="utf-8")


def test_lines_are_broken_at_words_and_go_on_under_their_text() -> None:
    name = "a-name-that-is-longer-than-the-terminal-is-wide"
    topic = "Resources: {{T: {{Type: 'AWS::SNS::Topic', Properties: {{DisplayName: {}}}}}}}"
    found = reviewed(topic.format("a"), topic.format(name))
    assert as_text(found, width=40).splitlines() == [
        "Predicted: harmless (1 harmless). The",
        "    change set is the authority.",
        "",
        "── All of it ──",
        "harmless · T AWS::SNS::Topic is modified",
        "    DisplayName a →",
        f"        {name}",
    ]


def test_a_value_is_quoted_whole_up_to_its_longest() -> None:
    assert quoted("a" * 160) == f"«{'a' * 160}»"
    assert quoted("a" * 161) == f"«{'a' * 159}…»"
    assert quoted("a «b» \x07c\nd") == "«a b c d»"


def many(number: int, text: str) -> str:
    queues = "\n".join(
        f"  Q{n}: {{Type: 'AWS::SNS::Topic', Properties: {{DisplayName: '{text} {n}'}}}}"
        for n in range(number)
    )
    return f"Resources:\n{queues}\n"


def test_the_first_screen_has_every_kind_of_trouble_in_fifteen_lines() -> None:
    before = read(COMMITTED)
    text = before.text
    for old, new in (
        ("QueueName: !Sub fraud-jobs", "QueueName: !Sub fraud-work"),
        ("StorageEncrypted: true", "StorageEncrypted: false"),
        ("- sqs:SendMessage", "- sqs:*"),
        ("Cpu: '512'", "Cpu: '1024'"),
        ("RetentionInDays: 7", "RetentionInDays: 90"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    found = review(before, parse(text))
    lines = first_screen(found)
    assert len(lines) <= FIRST_SCREEN
    for word in ("DATA LOSS", "WILL FAIL", "INTERRUPTED", "PERMITTED", "ENCRYPTION off", "COST up"):
        assert any(line.startswith(word) for line in lines), word
    assert as_text(found).splitlines()[0].startswith("Predicted: the update will fail (")


def test_a_line_says_may_once_and_nothing_that_is_not_there_is_quoted() -> None:
    queue = "Resources: {{A: {{Type: 'AWS::SNS::Topic', Properties: {{TopicName: a{}}}}}}}"
    before = "Parameters: {P: {Type: String}}\n" + queue.format(", FifoTopic: !Ref P")
    after = before.replace("!Ref P", "true")
    found = reviewed(before, after)
    assert as_text(found).startswith("Predicted: perhaps the update will fail (1 will-fail).")
    [line] = first_screen(found)
    assert line == (
        "MAY FAIL · «A» AWS::SNS::Topic may be replaced: CloudFormation refuses to replace it under the"
        " custom name that it keeps; «FifoTopic» «${P}» → «true» (create-only, depends on P)"
    )
    [line] = first_screen(reviewed(queue.format(""), queue.format(", FifoTopic: true")))
    assert line.endswith("«FifoTopic» nothing → «true» (create-only)")


def test_the_first_line_says_perhaps_where_nothing_is_sure() -> None:
    topic = "A: {Type: 'AWS::SNS::Topic'}"
    nested = reviewed(
        f"Resources: {{{topic}, B: {{Type: 'AWS::CloudFormation::Stack'}}}}", f"Resources: {{{topic}}}"
    )
    assert as_text(nested).startswith("Predicted: perhaps data is lost (1 data-loss).")
    with_another = reviewed(
        f"Resources: {{{topic}, C: {{Type: 'AWS::SNS::Topic'}}, B: {{Type: 'AWS::CloudFormation::Stack'}}}}",
        f"Resources: {{{topic}}}",
    )
    assert as_text(with_another).startswith("Predicted: perhaps data is lost (1 data-loss, 1 harmless).")
    missing = reviewed(
        f"Resources: {{{topic}}}", f"Parameters: {{P: {{Type: String}}}}\nResources: {{{topic}}}"
    )
    assert as_text(missing).startswith("Predicted: the update will fail (1 parameter refused).")
    assert as_text(reviewed(f"Resources: {{{topic}}}", f"Resources: {{{topic}}}")).startswith(
        "Predicted: nothing"
    )


def test_a_comment_stays_under_the_limit_and_says_what_was_cut() -> None:
    found = reviewed(many(900, "before" * 20), many(900, "after" * 20))
    comment = as_markdown(found)
    assert len(comment) <= MOST_CHARACTERS
    told = re.search(
        r"Cut to fit a comment: (\d+) of 900 harmless changes are not shown, or not whole", comment
    )
    assert told
    assert comment.index("Cut to fit") < 300
    assert comment.count("is modified") == 900 - int(told[1])


def test_a_comment_in_another_script_fits_into_one_argument_of_a_process() -> None:
    found = reviewed(many(900, "前" * 60), many(900, "後" * 60))
    comment = as_markdown(found)
    assert len(comment.encode()) < 125_000
    assert "Cut to fit" in comment


def test_what_is_long_is_cut_line_by_line() -> None:
    statement = "{{Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::{}-{}'}}"
    role = (
        "Resources: {{R: {{Type: 'AWS::IAM::Role', Properties:"
        " {{Policies: [{{PolicyDocument: {{Statement: [{}]}}}}]}}}}}}"
    )
    sides = [
        role.format(", ".join(statement.format(side * 180, number) for number in range(200)))
        for side in ("a", "b")
    ]
    comment = as_markdown(reviewed(*sides))
    assert MOST_CHARACTERS - 2_000 < len(comment) <= MOST_CHARACTERS
    told = re.search(r"  - and (\d+) more", comment)
    assert told
    assert comment.count("arn:aws:s3:::") == 2 + 400 - int(told[1])  # the first screen's, and the list's


def test_a_comment_is_cut_wherever_its_limit_is_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    case = whole(load(REPORTS / "every_kind.yaml"))
    found = reviewed(*(json.dumps(case[side]) for side in ("before", "after")))
    uncut = as_markdown(found)
    assert "All of it: 13 resources" in uncut
    first = uncut[uncut.index("- **DATA LOSS") : uncut.index("\n<details>")]
    told = set()
    for limit in range(len(first) + 800, len(uncut) + 600, 13):
        monkeypatch.setattr(report, "MOST_CHARACTERS", limit)
        comment = as_markdown(found)
        assert len(comment) <= limit
        assert first in comment
        lost = [block for block in report.blocks(found) if report._folded(block) not in comment]
        harmless = sum(block.title.startswith("harmless") for block in lost)
        parts = [f"{harmless} of 9 harmless changes"] if harmless else []
        if others := len(lost) - harmless:
            parts.append(f"{others} other part{'s' if others > 1 else ''}")
        notice = f"_Cut to fit a comment: {' and '.join(parts)} are not shown, or not whole._"
        assert (notice in comment) == bool(lost)
        assert ("All of it" in comment) == (not lost)
        assert ("As much of it as fits: 13 resources" in comment) == bool(lost and "<details>" in comment)
        told.add((bool(harmless), min(others, 2), "<details>" in comment))
    assert told == {
        (True, 2, False),
        (True, 2, True),
        (True, 1, True),
        (True, 0, True),
        (False, 0, True),
    }


def test_what_has_no_rest_has_nothing_folded() -> None:
    topic = "Resources: {T: {Type: 'AWS::SNS::Topic'}}"
    assert as_markdown(reviewed(topic, topic)).endswith("The change set is the authority.**\n\n")


def test_trouble_is_never_cut_for_what_is_harmless() -> None:
    names = [f"B{number}" for number in range(300)]
    buckets = "\n".join(f"  {name}: {{Type: 'AWS::S3::Bucket'}}" for name in names)
    found = reviewed(many(900, "a" * 90) + buckets, many(900, "b" * 90))
    comment = as_markdown(found)
    assert len(comment) <= MOST_CHARACTERS
    assert all(f"`{name}`" in comment for name in names)


SECRET = "hunter2-hunter2"
HIDDEN = f"""
Parameters: {{Word: {{Type: String, NoEcho: true, Default: {SECRET}}}, Kept: {{Type: String, NoEcho: true}}}}
Resources:
  Db:
    Type: AWS::RDS::DBCluster
    Properties: {{MasterUserPassword: {SECRET}0, MasterUsername: u}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
      - Name: a
        Image: i
        Environment:
        - {{Name: API_TOKEN, Value: {SECRET}1}}
        - {{Name: URL, Value: !Sub 'https://u:${{Kept}}@host/${{Word}}'}}
        - {{Name: KEY, Value: AKIAABCDEFGHIJKLMNOP}}
  Alarm:
    Type: AWS::SSM::Parameter
    Properties: {{Type: String, Value: '{{"password": "{SECRET}2", "user": "u"}}'}}
"""


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_nothing_that_could_be_secret_is_shown(form: str) -> None:
    after = HIDDEN.replace(SECRET, f"{SECRET}-new").replace("host", "other").replace("AKIAABCD", "AKIAZZZZ")
    found = reviewed(HIDDEN, after, Kept="swordfish")
    shown = {
        "text": as_text(found),
        "markdown": as_markdown(found),
        "json": json.dumps(document(found)),
    }[form]
    for secret in ("hunter2", "swordfish", "AKIA"):
        assert secret not in shown
    assert "MasterUserPassword" in shown
    assert "****" in shown


def test_a_reference_to_a_secret_is_no_secret() -> None:
    before = """
Resources:
  Db: {Type: 'AWS::RDS::DBCluster', Properties: {MasterUserPassword: '{{resolve:secretsmanager:a}}'}}
"""
    found = reviewed(before, before.replace("manager:a", "manager:b"))
    assert "{{resolve:secretsmanager:b}}" in as_text(found)


def test_what_others_wrote_is_only_text() -> None:
    nasty = "x\\u001b[31m`</details>`<img src=x>|@everyone\\n# head\\u202e"
    before = (
        f'{{"Resources": {{"T": {{"Type": "AWS::SNS::Topic", "Properties": {{"DisplayName": "{nasty}"}}}}}}}}'
    )
    found = reviewed(before, before.replace("head", "tail"))
    for shown in (as_text(found), as_markdown(found)):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    comment = as_markdown(found)
    lines = [line for line in comment.splitlines() if "DisplayName" in line]
    assert lines
    for line in lines:
        assert "</details>" in line
        assert re.fullmatch(r"[^`]*`DisplayName` (``+)((?!\1).)*\1 → (``+)((?!\3).)*\3[^`]*", line), (
            "all in code"
        )


def test_the_verdict_of_each_environment_stands_in_the_first_line() -> None:
    before = """
Parameters: {Env: {Type: String}}
Conditions: {IsProd: !Equals [!Ref Env, prod]}
Resources: {Q: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !If [IsProd, a, x]}}}
"""
    after = before.replace("[IsProd, a,", "[IsProd, b,")
    each = {name: reviewed(before, after, Env=name) for name in ("dev", "prod")}
    first = as_text(reviewed(before, after), each).splitlines()[0]
    assert "dev: none, prod: data-loss" in first


def test_a_finding_says_from_what_to_what() -> None:
    logs = "Resources: {Logs: {Type: 'AWS::Logs::LogGroup', Properties: {RetentionInDays: 7}}}"
    assert first_screen(reviewed(logs, logs.replace("7", "30"))) == [
        "COST up · «Logs» «RetentionInDays» «7» → «30»"
    ]


def test_the_policy_of_a_renamed_queue_is_no_wider_one() -> None:
    queue = (
        "Resources:\n  Old: {Type: 'AWS::SQS::Queue'}\n"
        "  OldPolicy: {Type: 'AWS::SQS::QueuePolicy', Properties: {Queues: [!Ref Old], PolicyDocument:"
        " {Statement: [{Effect: Deny, Principal: '*', Action: 'sqs:*', Resource: !GetAtt Old.Arn}]}}}\n"
    )
    lines = first_screen(reviewed(queue, queue.replace("Old", "New")))
    assert not any("PERMITTED" in line for line in lines)
    lines = first_screen(reviewed(queue, queue.partition("  OldPolicy")[0]))
    assert [line.split(" · ")[0] for line in lines] == ["PERMITTED"]


def test_what_somebody_can_no_longer_do_stands_on_the_first_screen() -> None:
    role = (
        "Role: {Type: 'AWS::IAM::Role', Properties: {AssumeRolePolicyDocument: {Statement: [{Effect: Allow,"
        " Action: 'sts:AssumeRole', Principal: {Service: a}}, {Effect: Allow, Action: 'sts:TagSession',"
        " Principal: {Service: a}}]}}}"
    )
    before = (
        f"Resources:\n  {role}\n"
        "  Group: {Type: 'AWS::EC2::SecurityGroup', Properties: {GroupDescription: g, SecurityGroupIngress:"
        " [{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 10.0.0.0/8}]}}\n"
        f"  Gone{role}\n"
    )
    after = before.replace("[{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 10.0.0.0/8}]", "[]")
    after = after.replace(", {Effect: Allow, Action: 'sts:TagSession', Principal: {Service: a}}", "")
    found = reviewed(before, after[: after.index("  GoneRole")])
    assert first_screen(found) == [
        "UNREACHABLE · «10.0.0.0/8» can no longer connect to «Group» on «tcp 80»",
        "PERMITTED no more · «Role»: − «sts:TagSession» for «a»",
    ]


def test_what_no_resource_carries_fails_the_update_on_the_first_screen() -> None:
    topics = (
        "Parameters: {P: {Type: String}}\nConditions: {Is: !Equals [!Ref P, a]}\n"
        "Resources: {T: {Type: 'AWS::SNS::Topic', Condition: Is}}\n"
    )
    may = reviewed(topics, topics + "Outputs: {May: {Value: !Ref T}}")
    assert as_text(may).startswith("Predicted: perhaps the update will fail (1 output refused).")
    assert first_screen(may) == ["MAY FAIL · output «May»: T is not there, depends on P"]
    sure = reviewed(
        topics, topics + "Outputs: {May: {Value: !Ref T}, A: {Value: !Ref B}, C: {Value: !Ref D}}"
    )
    assert as_text(sure).startswith("Predicted: the update will fail (3 outputs refused).")
    assert first_screen(sure)[:2] == [
        "WILL FAIL · output «A»: B is not defined",
        "WILL FAIL · output «C»: D is not defined",
    ]
    named = reviewed(topics, topics.replace("Is:", "Other: !Condition Nothing, Is:"))
    assert as_text(named).startswith("Predicted: the update will fail (1 part refused).")
    assert first_screen(named) == ["WILL FAIL · the condition Other: Nothing is not defined"]


def test_a_template_may_have_so_many_and_no_more() -> None:
    some = {f"T{number}": {"Type": "AWS::SNS::Topic"} for number in range(500)}
    sides = [
        json.dumps({"Resources": {**some, **more}}) for more in ({}, {"One": {"Type": "AWS::SNS::Topic"}})
    ]
    assert reviewed(sides[0], sides[0]).refused == ()
    assert reviewed(*sides).refused == ("Resources: 501, and a template has 500 at most",)


def test_what_is_followed_or_done_otherwise_is_told() -> None:
    """Source of the first: "Template error: YAML aliases are not allowed in CloudFormation templates"."""
    topics = "Resources: {{A: &a {{Type: 'AWS::SNS::Topic'}}, B: {}}}"
    aliased, plain = topics.format("*a"), topics.format("{Type: 'AWS::SNS::Topic'}")
    [told] = first_screen(reviewed(plain, aliased))
    assert told.startswith("UNJUDGED · YAML aliases were followed: CloudFormation refuses them")
    assert first_screen(reviewed(aliased, aliased)) == []
    hooks = "\nHooks: {{Swap: {{Type: 'AWS::CodeDeploy::BlueGreen', Properties: {{ServiceRole: {}}}}}}}"
    told = "UNJUDGED · hooks: Swap may change how the update is done"
    assert first_screen(reviewed(plain + hooks.format("a"), plain + hooks.format("b"))) == [told]
    assert first_screen(reviewed(plain + hooks.format("a"), plain)) == [told]
    assert first_screen(reviewed(plain, plain + "\nHooks: [a]")) == []


def test_what_is_harmless_is_not_perhaps_harmless() -> None:
    before = "Parameters: {P: {Type: String}}\nResources: {Q: {Type: 'AWS::SQS::Queue', Properties: {}}}"
    after = before.replace("Properties: {}", "Condition: C")
    after += "\nConditions: {C: !Equals [!Ref P, a]}"
    assert as_text(reviewed(after, before)).startswith("Predicted: harmless (1 harmless).")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("", "Rules: {A: {Assertions: [{Assert: !Equals [!Ref P, a]}]}}", ["A"]),
        ("Rules: {A: {Assertions: []}, B: {}}", "Rules: {B: {}}", []),
        ("Rules: {A: {x: 1}, B: {}}", "Rules: {A: {x: '1'}, B: {}, C: {}, D: {}}", ["C, D"]),
    ],
)
def test_a_rule_that_the_values_were_never_asked_is_told(before: str, after: str, told: list[str]) -> None:
    """It changes nothing, and may still refuse the update."""
    template = "Parameters: {P: {Type: String}}\nResources: {Q: {Type: 'AWS::SQS::Queue'}}\n"
    found = reviewed(template + before, template + after)
    assert found.verdict == "none"
    lines = [f"UNJUDGED · rules: {names} may refuse the values that the stack has" for names in told]
    assert first_screen(found) == lines


def test_a_sign_at_the_beginning_of_a_line_makes_no_list_of_its_own() -> None:
    group = (
        "Resources: {{G: {{Type: 'AWS::EC2::SecurityGroup', Properties: {{GroupDescription: g,"
        " SecurityGroupIngress: [{{IpProtocol: tcp, FromPort: {0}, ToPort: {0}, CidrIp: 10.0.0.0/8}}]}}}}}}"
    )
    comment = as_markdown(reviewed(group.format(80), group.format(81)))
    assert "  - \\+ `10.0.0.0/8` → `G` tcp 81\n  - − `10.0.0.0/8` → `G` tcp 80\n" in comment


def test_many_actions_are_told_by_their_services() -> None:
    role = (
        "Resources: {{R: {{Type: 'AWS::IAM::Role', Properties: {{AssumeRolePolicyDocument: {{Statement: []}},"
        " Policies: [{{PolicyName: p, PolicyDocument: {{Statement: [{{Effect: Allow, Action: [{}],"
        " Resource: q}}]}}}}]}}}}}}"
    )
    actions = ["'sqs:SendMessage'", "'sns:Publish'", "'s3:GetObject'", "'kms:Decrypt'"]
    for number, told in (
        (3, "«s3:GetObject», «sns:Publish», «sqs:SendMessage»"),
        (4, "4 actions of «kms», «s3», «sns», «sqs»"),
    ):
        found = reviewed(role.format(""), role.format(", ".join(actions[:number])))
        assert first_screen(found) == [f"PERMITTED · «R» wider: + {told} on «q»"]
