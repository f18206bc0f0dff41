"""What a schema cannot say: rules between the fields of a manifest.

They run on the plain value, also when it breaks the schema, so that one run names everything. Every function here
therefore takes what has the right shape and passes over the rest, which the schema has already reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.core.diagnostics import Diagnostic, warning
from migrate.core.schemas import read_schema
from migrate.manifest.backuprules import backup_options, check_backup
from migrate.manifest.credentials import check_credentials
from migrate.manifest.document import Document, Path, did_you_mean, format_path
from migrate.manifest.keyrules import check_keys
from migrate.manifest.protectrules import check_protection
from migrate.manifest.sharerules import check_shares
from migrate.manifest.tablerules import check_tables
from migrate.manifest.transformrules import check_transforms

_SIDES = ("source", "target")
_ROLE_ACCOUNT = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/")
_IP_ADDRESS = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}\Z")


def check_rules(document: Document) -> list[Diagnostic]:
    """Every cross-field rule that the document breaks. Made for documents that break the schema too."""
    own = (check_credentials, _accounts, _roles, _buckets)
    checks = (*own, check_keys, check_backup, check_protection, check_tables, check_transforms, check_shares)
    return [finding for check in checks for finding in check(document)]


def _accounts(document: Document) -> Iterator[Diagnostic]:
    known = read_schema("manifest")["$defs"]["account"]["properties"]["region"]
    for side in _SIDES:
        path: Path = ("accounts", side)
        account = document.mapping(path)
        region = account.get("region")
        if isinstance(region, str) and region not in known["examples"] and re.search(known["pattern"], region):
            where = document.location((*path, "region"))
            what = f"{region} is not a Region that this version knows"
            yield warning(
                what,
                address=format_path((*path, "region")),
                hint=did_you_mean(region, known["examples"]),
                location=where,
            )
        for name in ("external_id", "session_name"):
            if name in account and "role" not in account:
                yield document.error(
                    (*path, name),
                    "is only used to assume a role, and there is none",
                    hint="add `role`, or remove it",
                    key=True,
                )


def _roles(document: Document) -> Iterator[Diagnostic]:
    """A role lives in the account that it is used for; a wrong copy of an ARN is the likeliest slip of all."""
    places: list[tuple[Path, str]] = [(("accounts", side, "role"), side) for side in _SIDES]
    for one in _spark_options(document):
        places += [((*one, "role"), "target"), ((*one, "service_role"), "target"), ((*one, "source_role"), "source")]
    places += [((*one, "role", side), side) for one in backup_options(document) for side in _SIDES]
    for path, side in places:
        role = document.get(path)
        found = _ROLE_ACCOUNT.match(role) if isinstance(role, str) else None
        wanted = document.get(("accounts", side, "id"))
        if found and isinstance(wanted, str) and found[1] != wanted:
            yield document.error(path, f"is a role of {found[1]}, and the {side} account is {wanted}")


def _spark_options(document: Document) -> Iterator[Path]:
    """Every place with options of a strategy that works with the Spark job."""
    for name in ("glue", "emr"):
        yield ("strategies", name)
    for index, _ in document.mappings(("tables",)):
        if document.strategy_of(index) in ("glue", "emr"):
            yield ("tables", index, "options")


def _buckets(document: Document) -> Iterator[Diagnostic]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, beyond the schema's pattern."""
    paths: list[Path] = [("strategies", name, "bucket") for name in ("s3", "glue", "emr")]
    paths += [("tables", index, "options", "bucket") for index, _ in document.mappings(("tables",))]
    for path in paths:
        bucket = document.get(path)
        reason = _refusal_of_bucket(bucket) if isinstance(bucket, str) else ""
        if reason:
            yield document.error(path, f"is not a bucket name: {reason}")


def _refusal_of_bucket(name: str) -> str:
    if ".." in name:
        return "two dots stand side by side"
    if _IP_ADDRESS.match(name):
        return "it looks like an IP address"
    reserved = [end for end in ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3") if name.endswith(end)]
    reserved += [start for start in ("xn--", "sthree-", "amzn-s3-demo-") if name.startswith(start)]
    return f"AWS reserves {reserved[0]}" if reserved else ""
