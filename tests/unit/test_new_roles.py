"""AWS Backup does not know a role for some seconds after it was made: that is waited for, and nothing else is."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from migrate.actions.backup_base import patient_with_new_roles
from migrate.aws.session import Account, AccountAccess, connect
from migrate.core.clock import SystemClock
from migrate.core.errors import AwsError, Invalid, Transient
from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import REGION, ROLE_NAME, SOURCE_ACCOUNT

TRUST = {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}


class Later(SystemClock):
    """Two minutes from now."""

    def now(self) -> dt.datetime:
        return super().now() + dt.timedelta(minutes=2)


@pytest.fixture
def account(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anybody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    role = f"arn:aws:iam::{SOURCE_ACCOUNT}:role/{ROLE_NAME}"
    access = AccountAccess("source", SOURCE_ACCOUNT, REGION, role=role, endpoint_url=sandbox.endpoint_url)
    return connect(access, read_only=False)


@pytest.mark.parametrize(("clock", "kind"), [(SystemClock(), Transient), (Later(), Invalid)])
def test_only_a_new_role_is_waited_for(account: Account, clock: SystemClock, kind: type[AwsError]) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    role = account.client("iam").create_role(RoleName="fresh", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    with pytest.raises(kind, match="StartBackupJob"), patient_with_new_roles(account, role, clock):
        raise Invalid("StartBackupJob is not valid", code="InvalidParameterValueException")


def test_a_role_that_is_not_there_is_not_waited_for(account: Account) -> None:
    role = f"arn:aws:iam::{SOURCE_ACCOUNT}:role/nobody"
    with pytest.raises(Invalid), patient_with_new_roles(account, role, SystemClock()):
        raise Invalid("StartBackupJob is not valid", code="InvalidParameterValueException")
