"""How long credentials last, as far as their kind tells. Nothing is called."""

from __future__ import annotations

import datetime as dt

import pytest

from migrate.aws.session import AccountAccess, Lifetime, connect
from migrate.core.errors import CredentialsExpired

END = dt.datetime(2031, 5, 6, 7, 8, 9, tzinfo=dt.timezone.utc)
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
TOKEN = {**KEYS, "AWS_SESSION_TOKEN": "token"}
ROLE = "arn:aws:iam::111111111111:role/Mover"


@pytest.fixture(autouse=True)
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*TOKEN, "AWS_PROFILE", "AWS_CREDENTIAL_EXPIRATION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("CONFIG_FILE", "/dev/null"), ("SHARED_CREDENTIALS_FILE", "/dev/null")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.parametrize("role", [None, ROLE], ids=["as they are", "to assume a role"])
@pytest.mark.parametrize(
    ("environment", "lifetime"),
    [
        (KEYS, Lifetime(renews=False, is_temporary=False)),
        (TOKEN, Lifetime(renews=False, is_temporary=True)),
        ({**TOKEN, "AWS_CREDENTIAL_EXPIRATION": END.isoformat()}, Lifetime(False, is_temporary=True, ends=END)),
    ],
    ids=["of a user", "temporary", "with their end"],
)
def test_credentials_of_the_environment(
    environment: dict[str, str], lifetime: Lifetime, role: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    account = connect(AccountAccess("source", "111111111111", "eu-west-1", role=role), read_only=True)
    assert account.lifetime() == lifetime


def test_no_credentials_at_all() -> None:
    with pytest.raises(CredentialsExpired):
        connect(AccountAccess("source", "111111111111", "eu-west-1"), read_only=True).lifetime()
