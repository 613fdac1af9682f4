"""What could be secret is in no report, by its name or its form; what is none stays readable."""

from __future__ import annotations

from typing import Any

import pytest

from fraud_cfn.review.redact import MASK, masked, without

SECRETS = (
    ("Properties.MasterUserPassword", "hunter2"),
    ("Properties.Environment[DB_PASS].Value", "hunter2"),
    ("Properties.Environment[PGPWD].Value", "hunter2"),
    ("Properties.Environment[api-keys].Value", "hunter2"),
    ("Properties.Environment[JWT_SIGNING_KEY].Value", "hunter2"),
    ("Properties.VpnTunnelOptions[0].PreSharedKey", "hunter2"),
    ("Parameters.AuthToken.Default", "hunter2"),
    ("Password", 1234),
    ("Properties.Passwords[0]", "hunter2"),
    ("Properties.Passwords[0].Value", "hunter2"),
    ("Properties.Environment[DB_PASS]", "hunter2"),
    ("Passcode", 12.5),
    ("Password", "${A}${B}"),
    ("Password", "x{{resolve:secretsmanager:a}}"),
)
OPEN = (
    ("Properties.MasterUserPassword", "{{resolve:secretsmanager:fraud:SecretString:password}}"),
    ("Properties.MasterUserPassword", "{{resolve:secretsmanager:${SecretArn}:SecretString}}"),
    ("Properties.MasterUserPassword", "${Password}"),
    ("Properties.MasterUserPassword", ""),
    ("Properties.ManageMasterUserPassword", True),
    ("Properties.Secrets[API_KEYS].ValueFrom", "arn:aws:secretsmanager:eu-central-1:1:secret:a"),
    ("Properties.SecretArn", "arn:a"),
    ("Properties.PasswordLength", 12),
    ("Properties.Environment[LOG_LEVEL].Value", "info"),
    ("Properties.Environment[BYPASS].Value", "all"),
    ("Password.Name", "a name"),
    ("Value", "of nothing"),
    ("", "a"),
    ("Port", 5432),
)
# Texts of which a part gives itself away → what is shown.
FORMS = {
    "id AKIAIOSFODNN7EXAMPLE": f"id {MASK}",
    "ASIAIOSFODNN7EXAMPLE": MASK,
    "-----BEGIN RSA PRIVATE KEY-----": f"{MASK}-----",
    "ghp_0123456789abcdefghij": MASK,
    "xoxb-0123456789": MASK,
    "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0": MASK,
    "postgres://fraud:hunter2@host/fraud": f"postgres://{MASK}@host/fraud",
    "https://hooks.slack.com/services/T0/B0/abcdefgh": f"https://hooks.slack.com/services/{MASK}",
    "http://host:8080/a@b": "http://host:8080/a@b",
    "jdbc:postgresql://h/d?user=u&password=hunter2&ssl=true": (
        f"jdbc:postgresql://h/d?user=u&password={MASK}&ssl=true"
    ),
    "Server=h;Pwd=hunter2;Encrypt=true": f"Server=h;Pwd={MASK};Encrypt=true",
    "--token=a1 --secret='b 2'": f"--token={MASK} --secret={MASK}",
    "password=${Password}&secret={{resolve:ssm:a}}": "password=${Password}&secret={{resolve:ssm:a}}",
}


@pytest.mark.parametrize(("path", "value"), SECRETS)
def test_what_is_called_a_secret_is_not_shown(path: str, value: Any) -> None:
    assert masked(path, value) == MASK


@pytest.mark.parametrize(("path", "value"), OPEN)
def test_what_is_none_or_only_says_where_it_is_stays_readable(path: str, value: Any) -> None:
    assert masked(path, value) == value


@pytest.mark.parametrize("text", FORMS)
def test_what_gives_itself_away_is_not_shown_whatever_it_is_called(text: str) -> None:
    assert masked("Properties.Comment", text) == FORMS[text]


def test_within_lists_and_items_the_name_of_the_item_counts() -> None:
    items: list[Any] = [
        {"Name": "DB_PASSWORD", "Value": "hunter2"},
        {"Key": "token", "Value": "t"},
        {"Name": "LEVEL", "Value": "info"},
        {"Name": {"Ref": "A"}, "Value": "b"},
        {"Password": ["one", {"Value": "two"}], "User": "fraud"},
    ]
    assert masked("Properties.Environment", items) == [
        {"Name": "DB_PASSWORD", "Value": MASK},
        {"Key": "token", "Value": MASK},
        {"Name": "LEVEL", "Value": "info"},
        {"Name": {"Ref": "A"}, "Value": "b"},
        {"Password": [MASK, {"Value": MASK}], "User": "fraud"},
    ]


def test_values_of_no_echo_are_nowhere_where_a_value_may_stand() -> None:
    document = {
        "logical_id": "hunter2",
        "before": "hunter2",
        "after": {"url": ["a-hunter2-b", "abc-", 80, 8080, True, None]},
        "path": "Environment[hunter2x]",
    }
    assert without(document, ["hunter2", "abc", "80", "true", "", "hunter2x"]) == {
        "logical_id": "hunter2",
        "before": MASK,
        "after": {"url": [f"a-{MASK}-b", "abc-", MASK, 8080, True, None]},
        "path": f"Environment[{MASK}]",
    }
    assert without({"before": "abc"}, ["abc"]) == {"before": MASK}
    assert without({"before": "an abcd"}, ["abcd"]) == {"before": f"an {MASK}"}
    assert without(document, [""]) is document
