"""Are we in the accounts that the manifest names? Asked before anything else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

from migrate.aws import advice, errors
from migrate.aws.session import Account
from migrate.core.errors import MigrateError, Refused
from migrate.observe.inventory import AccountFacts


def verify_identity(account: Account) -> AccountFacts:
    """Who we are in this account (sts GetCallerIdentity), kept in `account.caller` for messages.

    Raises `Refused` when the credentials are of another account than the manifest says, `CredentialsExpired` or
    `AccessDenied` when they cannot be used.
    """
    answer = errors.call(account, "sts", "GetCallerIdentity")
    found, caller = str(answer["Account"]), str(answer["Arn"])
    if found != account.id:
        raise Refused(
            f"accounts.{account.side}: the credentials are of account {found}, the manifest says {account.id}",
            why=f"we are {caller}, by {advice.credentials_in_words(account)}",
            hint=f"choose a profile or role of {account.id} under accounts.{account.side}, or correct its id",
        )
    account.caller = caller
    return AccountFacts(found, account.region, caller, caller.split(":")[1])


def verify_accounts(source: Account, target: Account) -> tuple[AccountFacts, AccountFacts]:
    """Both identities, asked at the same time. When both fail, the error tells of both."""
    answers = ask_identities(source, target)
    failures = [answer for answer in answers if isinstance(answer, MigrateError)]
    if failures:
        raise _both(failures)
    first, second = (answer for answer in answers if isinstance(answer, AccountFacts))
    return first, second


def ask_identities(source: Account, target: Account) -> list[AccountFacts | MigrateError]:
    """Both identities, asked at the same time, or why there is none: the errors of `verify_identity`."""
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(_attempt, verify_identity, account) for account in (source, target)]
        return [job.result() for job in jobs]


def service_time(account: Account) -> dt.datetime | None:
    """What AWS's clock says (the Date of an answer of STS, to the second); None when the answer has no date."""
    with errors.translated(account, "sts", "GetCallerIdentity", "credentials"):
        account.count("GetCallerIdentity")
        answer = account.client("sts").get_caller_identity()
    header = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(header) if header else None


def _attempt(ask: Callable[[Account], AccountFacts], account: Account) -> AccountFacts | MigrateError:
    try:
        return ask(account)
    except MigrateError as error:
        return error


def _both(failures: list[MigrateError]) -> MigrateError:
    first = failures[0]
    if len(failures) == 1:
        return first

    def joined(texts: list[str]) -> str:
        return "\n".join(dict.fromkeys(text for text in texts if text))

    return type(first)(
        joined([failure.summary for failure in failures]),
        why=joined([failure.why for failure in failures]),
        hint=joined([failure.hint for failure in failures]),
    )
