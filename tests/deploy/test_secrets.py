"""The two secrets: looked at before each deployment, judged by what RDS takes, never shown."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from fraud_cfn.deploy.account import database_user
from tests.deploy.conftest import DEPLOYED, Teller, Told
from tests.deploy.fake_aws import ACCOUNT, BEGIN, Aws, FaultError

CREDENTIALS, KEYS = "fraud-database-dev", "fraud-api-keys-dev"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/"
GOOD = "a-long-one"
USER, SECOND = "7f3c2f55-0000-4000-8000-000000000001", "7f3c2f55-0000-4000-8000-000000000002"


def credentials(username: object = "fraud", password: object = GOOD) -> str:
    return json.dumps({"username": username, "password": password})


def refused(told: Told, aws: Aws) -> bool:
    """In one clear end, before anything was created."""
    return (told.code, "CreateChangeSet" in aws.calls, "Traceback" in told.text) == (2, False, False)


# ── They must be there, and hold what they must ───────────────────────────────────────────────────


def test_a_missing_secret_comes_with_a_command_that_keeps_the_password_off_the_command_line(
    aws: Aws, tell: Teller
) -> None:
    del aws.secrets[CREDENTIALS]
    told = tell("deploy dev --yes")
    assert refused(told, aws)
    assert "error: the secret fraud-database-dev does not exist" in told.text
    create = "next:  aws secretsmanager create-secret --region eu-central-1 --name fraud-database-dev"
    assert f"{create} --secret-string file:///dev/stdin" in told.text


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("plain", "is no JSON object with username and password"),
        ("[]", "is no JSON object with username and password"),
        ("[" * 60_000, "is no JSON object with username and password"),
        ('{"username":"fraud"}', "lacks password"),
        ('{"Username":"fraud","Password":"a-long-one"}', "lacks username and password"),
        (credentials(password=""), "lacks password"),
        (credentials(password=None), "lacks password"),
        (credentials(password=1234567890), "has a password that is not text"),
        (credentials(username=["fraud"]), "has a username that is not text"),
    ],
)
def test_a_secret_without_its_keys_is_told(aws: Aws, tell: Teller, value: str, says: str) -> None:
    aws.secrets[CREDENTIALS] = value
    told = tell("deploy dev --yes")
    assert refused(told, aws)
    assert f"error: the secret fraud-database-dev {says}" in told.text
    assert "put-secret-value --region eu-central-1 --secret-id fraud-database-dev" in told.text


def test_a_secret_of_bytes_is_no_json(aws: Aws, tell: Teller) -> None:
    aws.answers["GetSecretValue"] = lambda _: {"SecretBinary": "AAEC"}
    told = tell("plan dev")
    assert refused(told, aws)
    assert "the secret fraud-database-dev is no JSON object" in told.text
    assert "the secret fraud-api-keys-dev holds no text" in told.text


def test_a_secret_that_may_not_be_read_is_told_and_no_obstacle(aws: Aws, tell: Teller) -> None:
    aws.faults["GetSecretValue"] = [FaultError("AccessDeniedException", "not authorized")] * 2
    told = tell("plan dev --format json")
    assert told.code == 0
    for name in (CREDENTIALS, KEYS):
        assert f"warning: not looked at: what is in the secret {name}: no permission" in told.text
    assert len(document(told)["unknown"]) == 2


def document(told: Told) -> dict[str, list[str]]:
    text = told.text[told.text.index("\n{") :]
    return json.loads(text[: text.rindex("\n}") + 2])


def test_a_secret_that_may_not_be_looked_up_leaves_only_its_arn_to_be_given(aws: Aws, tell: Teller) -> None:
    aws.faults["DescribeSecret"] = [FaultError("AccessDeniedException", "not authorized")] * 2
    told = tell("plan dev")
    assert refused(told, aws)
    for parameter in ("DatabaseCredentialsArn", "ApiKeysArn"):
        assert f"give it: --param {parameter}=ARN" in told.text


def test_credentials_that_expire_meanwhile_are_no_unknown(aws: Aws, tell: Teller) -> None:
    aws.faults["GetSecretValue"] = [FaultError("ExpiredTokenException", "expired")]
    told = tell("plan dev")
    assert (told.code, told.last) == (2, "result=credentials stack=TapStackdev")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (
            FaultError("ResourceNotFoundException", "can't find the specified secret value"),
            "has no value yet",
        ),
        (FaultError("DecryptionFailure", "Secrets Manager can't decrypt"), "its KMS key is disabled"),
    ],
)
def test_a_secret_without_a_usable_value_is_told(
    aws: Aws, tell: Teller, fault: FaultError, says: str
) -> None:
    aws.faults["GetSecretValue"] = [fault]
    told = tell("plan dev")
    assert refused(told, aws)
    assert says in told.text


def test_a_secret_marked_for_deletion_is_told_with_its_restoration(aws: Aws, tell: Teller) -> None:
    described = aws._describe_secret
    aws.answers["DescribeSecret"] = lambda asked: {**described(asked), "DeletedDate": 1772366400}
    told = tell("plan dev")
    assert refused(told, aws)
    assert told.text.count("is marked for deletion") == 2
    assert "restore-secret --region eu-central-1 --secret-id fraud-database-dev" in told.text


# ── What RDS takes ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "username",
    [
        "admin",
        "Admin",
        "rdsadmin",
        "rds_superuser",
        "user",
        "public",
        "pg_admin",
        "PG_x",
        "1fraud",
        "_fraud",
        "fraud-app",
        "fraud app",
        "fräud",
        "a" * 17,
        " ",
        "fraud\n",
    ],
)
def test_a_user_name_that_rds_refuses_is_refused_first_and_never_shown(
    aws: Aws, tell: Teller, username: str
) -> None:
    aws.secrets[CREDENTIALS] = credentials(username=username)
    told = tell("deploy dev --yes --format json")
    assert refused(told, aws)
    assert "the secret fraud-database-dev has a username that " in told.text
    assert GOOD not in told.text


@pytest.mark.parametrize("username", ["fraud", "postgres", "fraud_admin", "A1", "a" * 16, "pgadmin", "users"])
def test_a_user_name_that_rds_takes_is_taken(aws: Aws, tell: Teller, username: str) -> None:
    aws.secrets[CREDENTIALS] = credentials(username=username)
    assert tell("plan dev").code == 0


@pytest.mark.parametrize(
    "password",
    [
        "seven77",
        "x" * 100,
        "slash/slash",
        'quote"quote',
        "at@at-at-at",
        "space space",
        "trailing-newline\n",
        "tab\tin-it-too",
        "Überlang-genug",
        "emoji-😀-emoji",
        "nul\x00-in-the-middle",
        "\ud800-half-a-letter",
        "delete\x7f-character",
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_a_password_that_rds_refuses_is_refused_first_and_never_shown(
    aws: Aws, tell: Teller, monkeypatch: pytest.MonkeyPatch, password: str, *, debug: bool
) -> None:
    if debug:
        monkeypatch.setenv("FRAUD_CFN_DEBUG", "1")
    aws.secrets[CREDENTIALS] = credentials(password=password)
    told = tell("deploy dev --yes --format json")
    assert refused(told, aws)
    assert "the secret fraud-database-dev " in told.text
    for shown in (password, json.dumps(password)[1:-1], password.strip()):
        assert shown not in told.text


@pytest.mark.parametrize("password", ["eight888", "x" * 41, "x" * 99, "!#$%&'()*+,-.:;<=>?[]^_`{|}~\\"])
def test_a_password_that_rds_takes_is_taken(aws: Aws, tell: Teller, password: str) -> None:
    aws.secrets[CREDENTIALS] = credentials(password=password)
    assert tell("plan dev").code == 0


def test_each_misfit_is_told_by_its_own_words() -> None:
    said = [
        database_user.name_misfit("pg_x"),
        database_user.name_misfit("1"),
        database_user.name_misfit("admin"),
        database_user.password_misfit("short"),
        database_user.password_misfit("with a space"),
        database_user.password_misfit("größer-als-acht"),
    ]
    assert all(said)
    assert len(set(said)) == len(said)


def test_user_and_password_are_told_together(aws: Aws, tell: Teller) -> None:
    aws.secrets[CREDENTIALS] = credentials("admin", "short")
    told = tell("plan dev")
    assert "has a username that is a word that RDS or PostgreSQL keeps" in told.text
    assert "and has a password that does not have 8 to 99 characters" in told.text


# ── On a stack that lives ─────────────────────────────────────────────────────────────────────────


@pytest.fixture
def with_database(deployed: Aws) -> Aws:
    """As `deployed`, with its cluster, whose user is `fraud`."""
    deployed.resources = [
        {
            "LogicalResourceId": "Database",
            "PhysicalResourceId": "fraud-database-dev",
            "ResourceType": "AWS::RDS::DBCluster",
            "ResourceStatus": "CREATE_COMPLETE",
        }
    ]
    deployed.answers["DescribeDBClusters"] = lambda _: {
        "DBClusters": [{"DBClusterIdentifier": "fraud-database-dev", "MasterUsername": "fraud"}]
    }
    return deployed


@pytest.mark.parametrize("verb", ["plan dev", "deploy dev --yes"])
def test_another_user_name_on_a_live_stack_is_refused(with_database: Aws, tell: Teller, verb: str) -> None:
    with_database.secrets[CREDENTIALS] = credentials(username="somebody")
    told = tell(verb)
    assert refused(told, with_database)
    assert "the credentials name another user than fraud, the database's since it was made" in told.text
    assert "somebody" not in told.text


def test_the_same_user_and_another_password_are_no_obstacle(with_database: Aws, tell: Teller) -> None:
    with_database.secrets[CREDENTIALS] = credentials("Fraud", "another-long-one")
    assert tell("plan dev").code == 0


def test_a_database_that_may_not_be_looked_at_leaves_the_user_unknown(
    with_database: Aws, tell: Teller
) -> None:
    with_database.faults["DescribeDBClusters"] = [FaultError("AccessDenied", "no", 403)]
    told = tell("plan dev")
    assert told.code == 0
    assert "not looked at: the database's user: no permission for DescribeDBClusters" in told.text


# ── Each deployment looks again ───────────────────────────────────────────────────────────────────


def test_a_secret_that_was_made_anew_is_followed_and_told(deployed: Aws, tell: Teller) -> None:
    deployed.endings[CREDENTIALS] = "GhIjKl"
    deployed.versions[CREDENTIALS] = USER
    told = tell("plan dev")
    arn = deployed.secret_arn(CREDENTIALS)
    assert told.code == 0
    assert f"warning: the secret {CREDENTIALS} was made anew: this deployment takes {arn}" in told.text
    assert f"DatabaseCredentialsArn {DEPLOYED['DatabaseCredentialsArn']} → {arn}" in told.text
    assert f"DatabaseCredentialsVersion '' → {USER}" in told.text


def test_an_arn_that_was_given_and_is_gone_is_refused_with_the_one_there_is(
    deployed: Aws, tell: Teller
) -> None:
    deployed.endings[CREDENTIALS] = "GhIjKl"
    old = DEPLOYED["DatabaseCredentialsArn"]
    told = tell(f"plan dev --param DatabaseCredentialsArn={old}")
    assert refused(told, deployed)
    assert f"next:  --param DatabaseCredentialsArn={deployed.secret_arn(CREDENTIALS)}" in told.text


def test_a_secret_that_is_gone_is_refused_on_a_live_stack_too(deployed: Aws, tell: Teller) -> None:
    del deployed.secrets[KEYS]
    told = tell("plan dev")
    assert refused(told, deployed)
    assert "create-secret --region eu-central-1 --name fraud-api-keys-dev" in told.text


def test_a_password_that_changed_since_is_told_with_the_way_to_bring_it(deployed: Aws, tell: Teller) -> None:
    deployed.versions[CREDENTIALS] = SECOND
    deployed.written[CREDENTIALS] = BEGIN + timedelta(hours=1)
    told = tell("plan dev")
    assert told.code == 0
    assert "has a version of 2026-03-01 13:00 UTC, newer than the last deployment" in told.text
    assert f"--param DatabaseCredentialsVersion={SECOND}" in told.text


def test_a_password_as_it_was_at_the_deployment_is_no_news(deployed: Aws, tell: Teller) -> None:
    deployed.versions[CREDENTIALS] = SECOND
    assert "newer than" not in tell("plan dev").text


def test_a_deployed_version_that_is_not_the_current_one_is_told(deployed: Aws, tell: Teller) -> None:
    deployed.parameters["DatabaseCredentialsVersion"] = USER
    deployed.versions[CREDENTIALS], deployed.old_versions = SECOND, (USER,)
    told = tell("plan dev")
    assert f"has another current version than the {USER} that is deployed" in told.text
    assert f"--param DatabaseCredentialsVersion={SECOND}" in told.text
    told = tell(f"plan dev --param DatabaseCredentialsVersion={SECOND}")
    assert "another current version" not in told.text


def test_a_version_that_the_secret_does_not_have_is_refused(deployed: Aws, tell: Teller) -> None:
    deployed.versions[CREDENTIALS] = SECOND
    told = tell(f"plan dev --param DatabaseCredentialsVersion={USER}")
    assert refused(told, deployed)
    assert f"has no version {USER}" in told.text
    assert f"--param DatabaseCredentialsVersion=…, the current one is {SECOND}" in told.text


def test_api_keys_that_changed_since_are_told(deployed: Aws, tell: Teller) -> None:
    deployed.written[KEYS] = BEGIN + timedelta(hours=1)
    assert "the secret fraud-api-keys-dev changed since the last deployment" in tell("plan dev").text
    deployed.updated = BEGIN + timedelta(hours=2)
    assert "changed since" not in tell("plan dev").text


# ── Their keys ────────────────────────────────────────────────────────────────────────────────────


def test_the_secrets_own_keys_are_filled_in(aws: Aws, tell: Teller) -> None:
    aws.kms_keys = {CREDENTIALS: f"{KEY}1", KEYS: "alias/ours"}
    aws.answers["DescribeKey"] = lambda _: {
        "KeyMetadata": {"KeyId": "2", "Arn": f"{KEY}2", "KeyManager": "CUSTOMER"}
    }
    assert f"SecretsKmsKeyArns {KEY}1,{KEY}2" in tell("plan dev").text


def test_a_key_of_aws_is_none_to_be_named(aws: Aws, tell: Teller) -> None:
    aws.kms_keys = {CREDENTIALS: "alias/aws/secretsmanager", KEYS: "1234"}
    aws.answers["DescribeKey"] = lambda _: {"KeyMetadata": {"KeyId": "1234", "KeyManager": "AWS"}}
    assert "SecretsKmsKeyArns" not in tell("plan dev").text


def test_a_secret_that_got_another_key_is_told_and_followed(deployed: Aws, tell: Teller) -> None:
    deployed.kms_keys = {CREDENTIALS: f"{KEY}2"}
    deployed.parameters["SecretsKmsKeyArns"] = f"{KEY}1"
    told = tell("plan dev")
    assert f"the secrets have other KMS keys than at the last deployment: now {KEY}2" in told.text
    assert f"SecretsKmsKeyArns {KEY}1 → {KEY}2" in told.text


def test_the_order_of_the_keys_is_no_news(deployed: Aws, tell: Teller) -> None:
    deployed.kms_keys = {CREDENTIALS: f"{KEY}2", KEYS: f"{KEY}1"}
    deployed.parameters["SecretsKmsKeyArns"] = f"{KEY}1,{KEY}2"
    assert "SecretsKmsKeyArns" not in tell("plan dev").text


def test_a_key_that_is_unknown_takes_none_away(deployed: Aws, tell: Teller) -> None:
    deployed.kms_keys = {CREDENTIALS: f"{KEY}2", KEYS: "alias/ours"}
    deployed.parameters["SecretsKmsKeyArns"] = f"{KEY}1"
    deployed.faults["DescribeKey"] = [FaultError("AccessDeniedException", "no")]
    told = tell("plan dev")
    assert f"SecretsKmsKeyArns {KEY}1 → {KEY}1,{KEY}2" in told.text
    assert "not looked at: the key of the secret fraud-api-keys-dev" in told.text


def test_a_list_of_keys_that_lacks_one_is_refused_with_its_name(aws: Aws, tell: Teller) -> None:
    aws.kms_keys = {CREDENTIALS: f"{KEY}1", KEYS: f"{KEY}2"}
    told = tell(f"plan dev --param SecretsKmsKeyArns={KEY}2")
    assert refused(told, aws)
    assert (
        f"the secret fraud-database-dev is encrypted with {KEY}1, which SecretsKmsKeyArns does not"
        in told.text
    )
    assert f"next:  --param SecretsKmsKeyArns={KEY}1,{KEY}2" in told.text
    assert tell(f"plan dev --param SecretsKmsKeyArns={KEY}2,{KEY}1").code == 0
