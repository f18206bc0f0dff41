"""The tables of one account: which reads they cost, and their facts with the problems met."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.aws import autoscaling, dynamodb, kms
from migrate.aws.session import Account
from migrate.core.access import Permission, Place, allow, anywhere
from migrate.core.diagnostics import Diagnostic, error, warning
from migrate.core.errors import AwsError, NotFound
from migrate.core.table import TableFacts
from migrate.observe.normalise import TableReads, normalise_table
from migrate.observe.reader import Reader
from migrate.observe.resources import failed_read
from migrate.observe.scaling import table_of
from migrate.observe.tags import TableTags, is_listed


@dataclass(frozen=True)
class _Setting:
    """One of the reads of a table. Without an optional one, the plan goes on without that setting."""

    field: str
    words: str
    operation: str
    """Of DynamoDB."""

    read: Callable[..., Any]
    nothing: Any
    by_arn: bool = False
    is_optional: bool = False

    def subject(self, table: Mapping[str, Any]) -> str:
        return str(table["TableArn"] if self.by_arn else table["TableName"])


_TAGS = _Setting("tags", "tags", "ListTagsOfResource", dynamodb.list_tags, {}, by_arn=True)
_SETTINGS = (
    _Setting("ttl", "time to live", "DescribeTimeToLive", dynamodb.describe_ttl, {}),
    _Setting("recovery", "point-in-time recovery", "DescribeContinuousBackups", dynamodb.describe_recovery, {}),
    _TAGS,
    _Setting(
        "policy",
        "resource policy",
        "GetResourcePolicy",
        dynamodb.get_resource_policy,
        None,
        by_arn=True,
        is_optional=True,
    ),
    _Setting(
        "kinesis",
        "Kinesis destination",
        "DescribeKinesisStreamingDestination",
        dynamodb.describe_kinesis,
        (),
        is_optional=True,
    ),
)
_INSIGHTS = _Setting(
    "insights",
    "contributor insights",
    "ListContributorInsights",
    dynamodb.list_contributor_insights,
    (),
    is_optional=True,
)
_SCALING = _Setting("scaling", "auto scaling", "", autoscaling.describe, {}, is_optional=True)


@dataclass
class AccountTables:
    """The tables `names` (sorted) of one account, looked at in three waves: `ask`, `ask_settings`, `facts`.

    `managers` are KMS key managers that are known already, by key ARN. `problems` fill while `facts` runs.
    """

    reader: Reader
    account: Account
    names: Sequence[str]
    shared_streams: Collection[str] = ()
    """Tables of whose stream the policy is read as well."""

    managers: Mapping[str, str] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tags = TableTags(self.reader, self.account, is_listed(self.account.side, len(self.names)), self.problems)

    def ask(self) -> None:
        """Begin DescribeTable of each."""
        for name in self.names:
            self.reader.ask(dynamodb.describe_table, self.account, name)
        self._tags.ask()

    def ask_settings(self, managers: Mapping[str, str]) -> None:
        """Begin every other read, for tables that exist."""
        self.managers = managers
        tables = list(self._existing())
        self._tags.ask_rest([str(table["TableArn"]) for table in tables])
        if tables:
            for setting in (_SCALING, _INSIGHTS):
                self.reader.ask(setting.read, self.account)
        for table in tables:
            for setting in _SETTINGS:
                if setting is not _TAGS:
                    self.reader.ask(setting.read, self.account, setting.subject(table))
            if stream := self._shared_stream(table):
                self.reader.ask(dynamodb.get_resource_policy, self.account, stream)
            if _key_arn(table) not in ("", *managers):
                self.reader.ask(kms.describe_key, self.account, _key_arn(table))

    def facts(self) -> dict[str, TableFacts]:
        """Facts by table name, sorted. A table of which a needed read failed is left out and told in `problems`."""
        insights, scaling = self._account_wide()
        found = {}
        for name in self.names:
            described = self.reader.answer(dynamodb.describe_table, self.account, name)
            if isinstance(described, AwsError):
                self.problems.append(failed_read(f"tables.{name}", described))
            elif described is None:
                self._missing(name)
            else:
                own = {"insights": insights.get(name, ()), "scaling": scaling.get(name, {})}
                reads = self._reads(described, own)
                if reads is not None:
                    found[name] = normalise_table(reads)
        return found

    def _existing(self) -> Iterator[Mapping[str, Any]]:
        for name in self.names:
            described = self.reader.answer(dynamodb.describe_table, self.account, name)
            if isinstance(described, dict):
                yield described

    def _reads(self, table: Mapping[str, Any], own: Mapping[str, Any]) -> TableReads | None:
        values: dict[str, Any] = dict(own)
        is_complete = True
        for setting in _SETTINGS:
            answer = self._answer(setting, setting.subject(table))
            values[setting.field] = setting.nothing if isinstance(answer, AwsError) else answer
            if isinstance(answer, NotFound) and table.get("TableStatus") == "CREATING":
                continue  # a table in creation has no settings yet, and some reads do not find it
            if isinstance(answer, AwsError):
                is_complete = is_complete and setting.is_optional
                self._unread(setting, f"tables.{table['TableName']}", answer)
        if values["policy"] is not None:
            values["policy"] = values["policy"][0]
        values["stream_policy"] = self._stream_policy(table)
        return TableReads(table, key_manager=self._manager(table), **values) if is_complete else None

    def _shared_stream(self, table: Mapping[str, Any]) -> str:
        """ARN of the table's stream, if its policy matters and there is one."""
        is_on = bool((table.get("StreamSpecification") or {}).get("StreamEnabled"))
        return str(table.get("LatestStreamArn") or "") if is_on and table["TableName"] in self.shared_streams else ""

    def _stream_policy(self, table: Mapping[str, Any]) -> str | None:
        stream = self._shared_stream(table)
        answer = self.reader.answer(dynamodb.get_resource_policy, self.account, stream) if stream else None
        if isinstance(answer, AwsError):
            self.problems.append(failed_read(f"tables.{table['TableName']}", answer))
            return None
        return answer[0] if answer else None

    def _answer(self, setting: _Setting, subject: str) -> Any:
        if setting is _TAGS:
            return self._tags.answer(subject)
        return self.reader.answer(setting.read, self.account, subject)

    def _manager(self, table: Mapping[str, Any]) -> str | None:
        arn = _key_arn(table)
        if not arn or arn in self.managers:
            return self.managers.get(arn)
        answer = self.reader.answer(kms.describe_key, self.account, arn)
        if not isinstance(answer, AwsError):
            return str(answer.get("KeyManager") or "CUSTOMER") if answer else "CUSTOMER"
        self.problems.append(
            warning(
                f"{answer.summary}: taken to be a customer managed key",
                address=f"tables.{table['TableName']}",
                why=answer.why,
                hint=answer.hint,
            )
        )
        return "CUSTOMER"

    def _account_wide(self) -> tuple[dict[str, list[Any]], dict[str, dict[str, list[Any]]]]:
        """Contributor insights and auto scaling, by table."""
        insights: dict[str, list[Any]] = {}
        scaling: dict[str, dict[str, list[Any]]] = {}
        if any(self._existing()):
            for entry in self._wide(_INSIGHTS):
                insights.setdefault(_bare_name(entry.get("TableName", "")), []).append(entry)
            for kind, entries in dict(self._wide(_SCALING)).items():
                for entry in entries:
                    own = scaling.setdefault(table_of(entry["ResourceId"]), {})
                    own.setdefault(kind, []).append(entry)
        return insights, scaling

    def _wide(self, setting: _Setting) -> Any:
        answer = self.reader.answer(setting.read, self.account)
        if not isinstance(answer, AwsError):
            return answer
        self._unread(setting, f"accounts.{self.account.side}", answer)
        return setting.nothing

    def _unread(self, setting: _Setting, address: str, failure: AwsError) -> None:
        if not setting.is_optional:
            self.problems.append(failed_read(address, failure))
            return
        outcome = "will not be carried over" if self.account.side == "source" else "will not be compared"
        self.problems.append(
            warning(
                f"{failure.summary}: {setting.words} {outcome}", address=address, why=failure.why, hint=failure.hint
            )
        )

    def _missing(self, name: str) -> None:
        if self.account.side == "source":  # in the target, a missing table is the usual case
            self.problems.append(
                error(
                    f"There is no table {name} in {self.account.id} {self.account.region}",
                    address=f"tables.{name}",
                    hint="check the name, and id and region under accounts.source",
                )
            )


def table_access(
    place: Place, names: Iterable[str], shared_streams: Collection[str] = (), when: str = ""
) -> Iterator[Permission]:
    """What `AccountTables` reads of these tables; `when` says in which case they are there."""
    for name in sorted(shared_streams):
        stream = f"{place.table(name)}/stream/*"
        yield allow(place.side, "dynamodb:GetResourcePolicy", stream, wide="a stream is named by its time", when=when)
    arns = [place.table(name) for name in names]
    if arns:
        settings = " ".join(setting.operation for setting in _SETTINGS)
        yield allow(place.side, "dynamodb:DescribeTable", *arns)
        yield allow(place.side, f"dynamodb:{settings}", *arns, when=when)
        if is_listed(place.side, len(arns)):
            yield anywhere(place.side, "tag:GetResources", when=when)
        yield anywhere(place.side, f"dynamodb:{_INSIGHTS.operation}", when=when)
        yield anywhere(place.side, f"application-autoscaling:{' '.join(autoscaling.READS)}", when=when)


def _key_arn(table: Mapping[str, Any]) -> str:
    return str((table.get("SSEDescription") or {}).get("KMSMasterKeyArn") or "")


def _bare_name(name: str) -> str:
    """A table's name, also when it is given as an ARN."""
    return name.rsplit("table/", 1)[-1]
