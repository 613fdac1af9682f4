"""Bad input: one clear line with what to do, exit 2, nothing created."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fraud_cfn.deploy.change import parameters
from tests.deploy.conftest import Teller
from tests.deploy.fake_aws import Aws, FaultError, change, steps


@pytest.mark.parametrize(
    ("line", "says", "then"),
    [
        ("plan Dev", "'Dev' is not an environment suffix", "use 1 to 12 lower-case letters"),
        ("logs dev --folow x", "unrecognized arguments: --folow x", "make logs ENV=dev ARGS=--help"),
        ("plan dev-", "'dev-' is not an environment suffix", "use 1 to 12"),
        ("plan thirteenchars", "'thirteenchars' is not", "use 1 to 12"),
        ("plan dev --region us-east-1", "--region asks for 'us-east-1'", "set it to eu-central-1"),
        (
            "plan dev --param ApiImageTagg=v1",
            "the template has no parameter 'ApiImageTagg'",
            "mean ApiImageTag?",
        ),
        ("plan dev --param ApiImageTag", "--param 'ApiImageTag' is not NAME=VALUE", "--param NAME=VALUE"),
        ("plan dev --param ServicesEnabled=yes", "ServicesEnabled cannot be 'yes'", "one of false, true"),
        ("plan dev --param ApiKeysArn=arn:x", "ApiKeysArn cannot be 'arn:x': it must match", ""),
        ("plan dev --param EnvironmentSuffix=qa", "it cannot be 'qa' too", "leave it out"),
        (
            "plan dev --template nowhere.yaml",
            "nowhere.yaml cannot be read",
            "name a template in --template FILE",
        ),
        ("plan dev --endpoint-url localhost", "the endpoint 'localhost' is not a URL", "http://127.0.0.1"),
        ("deploy dev --change-set review-1", "'review-1' is not the ARN of a change set", "plan --keep"),
        ("outputs dev", "TapStackdev does not exist here", "make deploy ENV=dev"),
        ("rollback dev", "TapStackdev does not exist here", "make deploy ENV=dev"),
        ("logs dev --since soon", "'soon' is not a time span", "write it as 90s, 10m, 2h or 1d"),
    ],
)
def test_bad_input_is_one_clear_line(aws: Aws, tell: Teller, line: str, says: str, then: str) -> None:
    told = tell(line)
    assert told.code == 2
    assert says in told.text
    assert then in told.text
    assert "CreateChangeSet" not in aws.calls
    assert "Traceback" not in told.text


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_another_region_in_the_environment_is_refused(
    tell: Teller, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "us-west-2")
    told = tell("plan dev")
    assert (told.code, f"{name} asks for 'us-west-2'" in told.text) == (2, True)


def test_missing_credentials_are_told(tell: Teller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    told = tell("plan dev")
    assert told.code == 2
    assert "error: AWS credentials were not found\nnext:  set AWS_PROFILE" in told.text


def test_an_unknown_profile_is_told(tell: Teller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    told = tell("plan dev")
    assert told.code == 2
    assert "nobody" in told.text


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("ExpiredToken", "AWS credentials have expired"),
        ("InvalidClientTokenId", "AWS does not accept the credentials (InvalidClientTokenId)"),
        ("AccessDenied", "no permission for GetCallerIdentity: never"),
    ],
)
def test_refused_credentials_are_told(aws: Aws, tell: Teller, code: str, says: str) -> None:
    aws.faults["GetCallerIdentity"] = [FaultError(code, "never", 403)]
    told = tell("plan dev")
    assert (told.code, told.last) == (2, "result=credentials stack=TapStackdev")
    assert says in told.text


def test_an_endpoint_that_is_down_is_told(tell: Teller) -> None:
    told = tell("plan dev --endpoint-url http://127.0.0.1:9")
    assert told.code == 2
    assert "error: http://127.0.0.1:9/ does not answer (connection refused" in told.text
    assert "next:  start it ('make local')" in told.text


def test_an_error_is_json_where_json_was_asked_for(tell: Teller) -> None:
    told = tell("outputs dev --format json")
    content = json.loads(told.text[told.text.index("{") : told.text.rindex("}") + 1])
    assert (content["exit"], content["error"]) == (2, "TapStackdev does not exist here")


# ── Values that are kept ──────────────────────────────────────────────────────────────────────────


def test_every_parameter_not_given_keeps_its_value(deployed: Aws, tell: Teller) -> None:
    deployed.changes = [change("Modify", "ApiService", "AWS::ECS::Service", Replacement="False")]
    deployed.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "0 UPDATE_COMPLETE")
    tell("deploy dev --yes --param Note=hello")
    assert deployed.parameters["ApiImageTag"] == "v1.4"
    assert deployed.parameters["Note"] == "hello"


def test_a_changed_default_that_the_stack_does_not_follow_is_told(deployed: Aws, tell: Teller) -> None:
    deployed.defaults["ApiImageTag"] = "older"
    deployed.reason = "No updates are to be performed."
    told = tell("deploy dev --yes")
    assert (
        "warning: ApiImageTag: the template's default is now 'latest' (was 'older'), but this stack keeps "
        "'v1.4'; to follow: --param ApiImageTag=latest" in told.text
    )


@pytest.mark.usefixtures("deployed")
def test_values_may_hold_any_letter(tell: Teller) -> None:
    told = tell("plan dev", "--param", "Note=Überprüfung · 詐欺 <&>")
    assert told.code == 0
    assert "Note '' → Überprüfung · 詐欺 <&>" in told.text


def test_an_environments_file_is_overridden_by_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "dev.yaml").write_text(
        "parameters: {ServicesEnabled: true, ApiImageTag: 1.10}\ntags: {team: fraud}\n", encoding="utf-8"
    )
    given = parameters.given("dev", [], ["cost=1"], tmp_path)
    assert given.parameters == {"ServicesEnabled": "true", "ApiImageTag": "1.10", "EnvironmentSuffix": "dev"}
    assert given.tags == {"team": "fraud", "cost": "1"}
    assert parameters.given("dev", ["ApiImageTag=v2"], [], tmp_path).parameters["ApiImageTag"] == "v2"


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the command reads its environment files from."""
    folder = tmp_path / "environments"
    folder.mkdir()
    monkeypatch.setattr(parameters.given, "__defaults__", (folder,))
    return folder


@pytest.mark.parametrize("verb", ["plan", "deploy"])
@pytest.mark.parametrize(
    ("name", "content", "says", "then"),
    [
        ("dev.yaml", "parameters:\n  Notes: x", "environments/dev.yaml:2: the template has no", "mean Note?"),
        ("dev.yaml", "parameters:\n  ServicesEnabled: yes", "environments/dev.yaml:2: ServicesEnabled", ""),
        (
            "dev.yaml",
            "parameter:\n  Note: x",
            "environments/dev.yaml:1: 'parameter' has no",
            "'parameters:'?",
        ),
        ("dev.yml", "parameters: {}", "environments/dev.yml:1: ", "rename it to dev.yaml"),
    ],
)
def test_what_is_wrong_in_an_environments_file_is_told_with_its_line(
    aws: Aws, tell: Teller, environments: Path, verb: str, name: str, content: str, says: str, then: str
) -> None:
    (environments / name).write_text(content, encoding="utf-8")
    told = tell(f"{verb} dev --yes" if verb == "deploy" else "plan dev")
    assert told.code == 2
    assert f"error: {says}" in told.text
    assert then in told.text
    assert "CreateChangeSet" not in aws.calls


def test_every_value_that_is_missing_is_told_at_once(aws: Aws, tell: Teller, tmp_path: Path) -> None:
    file = tmp_path / "asks.yaml"
    file.write_text(
        "Parameters: {EnvironmentSuffix: {Type: String}, A: {Type: String}, B: {Type: String}}\n"
        "Resources: {Q: {Type: AWS::SQS::Queue}}",
        encoding="utf-8",
    )
    told = tell("plan dev", "--template", str(file))
    assert (told.code, aws.calls.count("CreateChangeSet")) == (2, 0)
    assert "A and B have no value and no default" in told.text
    assert "--param A=… --param B=…" in told.text


def test_a_hidden_parameters_value_is_never_shown(tell: Teller, tmp_path: Path) -> None:
    file = tmp_path / "hidden.yaml"
    file.write_text(
        "Parameters:\n  EnvironmentSuffix: {Type: String}\n"
        "  Password: {Type: String, NoEcho: 'true', MinLength: 20}\n"
        "Resources: {Q: {Type: AWS::SQS::Queue}}",
        encoding="utf-8",
    )
    for option in ("Password=hunter2", "Password:hunter2", "Password hunter2"):
        told = tell("plan dev", "--template", str(file), "--param", option)
        assert told.code == 2
        assert "Password" in told.text
        assert "hunter2" not in told.text


@pytest.mark.parametrize("tag", ["aws:x=1", "x=", f"{'k' * 129}=1", f"x={'v' * 257}"])
def test_a_tag_that_aws_would_refuse_is_told_first(aws: Aws, tell: Teller, tag: str) -> None:
    told = tell("plan dev", "--tag", tag)
    assert told.code == 2
    assert "cannot be: " in told.text
    assert "CreateChangeSet" not in aws.calls


# ── Size ──────────────────────────────────────────────────────────────────────────────────────────


def padded(tmp_path: Path, size: int) -> str:
    """A template of about that many bytes, as a file."""
    file = tmp_path / "large.yaml"
    queue = "{Type: AWS::SQS::Queue, Metadata: '%s'}" % ("ä" * (size // 2))
    file.write_text(
        f"Parameters: {{EnvironmentSuffix: {{Type: String}}}}\nResources: {{Jobs: {queue}}}", "utf-8"
    )
    return str(file)


def test_a_template_over_a_megabyte_is_refused(aws: Aws, tell: Teller, tmp_path: Path) -> None:
    told = tell("plan dev", "--template", padded(tmp_path, 1_100_000), "--s3-bucket", "ours")
    assert told.code == 2
    assert "over CloudFormation's limit of 1,048,576" in told.text
    assert "PutObject" not in aws.calls


# ── What AWS would refuse later, or take for something else ───────────────────────────────────────

OTHER = "arn:aws:cloudformation:{}:changeSet/a/1"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("plan dev --role-arn x", "--role-arn x is not the ARN of a role"),
        ("plan dev --role-arn arn:aws:iam::123456789012:user/dev", "is not the ARN of a role"),
        ("plan dev --role-arn arn:aws:iam::999999999999:role/x", "is of another account than this one"),
        (
            f"deploy dev --yes --change-set {OTHER.format('us-east-1:123456789012')}",
            "in us-east-1, and this is",
        ),
        (
            f"deploy dev --yes --change-set {OTHER.format('eu-central-1:999999999999')}",
            "of account 999999999999",
        ),
        ("deploy dev --yes --change-set :changeSet/", "is not the ARN of a change set"),
        ("plan dev --timeout nan", "nan is not 0 or more"),
        ("plan dev --timeout -1", "-1 is not 0 or more"),
        ("plan dev --tag cost#center=1", "and no '#'"),
        ("plan dev --tag a=b\x07c", r"--tag 'a=b\x07c' cannot be: "),
        ("plan dev --tag a=b*c", "and no '*'"),
    ],
)
def test_what_aws_would_refuse_is_refused_first(aws: Aws, tell: Teller, line: str, says: str) -> None:
    told = tell(line)
    assert (told.code, told.last) == (2, "result=usage stack=TapStackdev")
    assert says in told.text
    assert "CreateChangeSet" not in aws.calls


@pytest.mark.parametrize(
    "option",
    ["--change-set", "--role-arn", "--s3-bucket", "--endpoint-url", "--region", "--param", "--tag"],
)
def test_an_option_without_a_value_is_not_taken_for_none(
    deployed: Aws, tell: Teller, tmp_path: Path, option: str
) -> None:
    """In a CI `--change-set "$ARN"` with nothing in ARN would deploy what nobody reviewed."""
    told = tell("deploy dev --yes", "--template", str(tmp_path / "none"), option, "")
    assert (told.code, told.last) == (2, "result=usage stack=TapStackdev")
    assert "it is empty; is a variable not set?" in told.text
    assert not deployed.calls


@pytest.mark.parametrize("tag", ["Kosten Stelle=Zürich", "a.b:c/d=+-@_= x", "部門=詐欺"])
def test_tags_of_all_letters_are_taken(deployed: Aws, tell: Teller, tag: str) -> None:
    assert tell("plan dev", "--tag", tag).code == 0
    assert "CreateChangeSet" in deployed.calls


def test_a_stacks_own_tags_count_among_fifty(deployed: Aws, tell: Teller) -> None:
    deployed.tags = {f"t{number}": "1" for number in range(50)}
    told = tell("plan dev --tag one=more")
    assert (told.code, "a stack takes 50 tags, and these would be 51" in told.text) == (2, True)
    assert tell("plan dev --tag t1=2").code == 0


def test_a_long_value_is_shown_by_its_beginning(tell: Teller) -> None:
    told = tell("plan dev", "--param", f"Note={'x' * 5000}")
    assert told.code == 2
    assert "x" * 101 not in told.text


@pytest.mark.parametrize("bucket", ["ours/with/path", "arn:aws:s3:::ours"])
def test_a_bucket_that_is_none_is_no_fault_of_the_credentials(
    tell: Teller, tmp_path: Path, bucket: str
) -> None:
    told = tell("plan dev", "--template", padded(tmp_path, 60_000), "--s3-bucket", bucket)
    assert (told.code, told.last) == (2, "result=usage stack=TapStackdev")
    assert "Invalid bucket name" in told.text
