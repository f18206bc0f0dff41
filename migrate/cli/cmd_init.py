"""`migrate init`: a first manifest, from what a source account really has. Read-only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from migrate.cli.console import console

if TYPE_CHECKING:
    from migrate.manifest.model import AccountConfig
    from migrate.manifest.scaffold import TableSketch
    from migrate.observe.sketches import FoundTable

UNKNOWN = "000000000000"


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("init")
    def init(
        region: str = typer.Option(..., "--region", help="Region of the source tables, and of the target's."),
        source_profile: str = typer.Option("", "--source-profile", metavar="NAME", help="AWS profile of the source."),
        source_role: str = typer.Option("", "--source-role", metavar="ARN", help="Role to assume in the source."),
        target_account: str = typer.Option(UNKNOWN, "--target-account", metavar="ID", help="Id of the target account."),
        target_region: str = typer.Option("", "--target-region", help="When it is another one."),
        target_profile: str = typer.Option("", "--target-profile", metavar="NAME", help="AWS profile of the target."),
        target_role: str = typer.Option("", "--target-role", metavar="ARN", help="Role to assume in the target."),
        tables: list[str] = typer.Option([], "--tables", metavar="PATTERN", help="Such as 'orders*' (repeatable)."),
        name: str = typer.Option("migration", "--name", help="Name of the migration."),
        out: str = typer.Option("manifest.yaml", "--out", metavar="FILE", help="Where to write it; - prints it."),
        endpoint_url: str = typer.Option("", "--endpoint-url", metavar="URL", help="A sandbox instead of AWS."),
    ) -> int:
        """Write a first manifest from what a source account really has. Changes nothing in AWS."""
        from migrate.manifest.model import AccountConfig

        endpoint = endpoint_url or None
        source = AccountConfig("source", UNKNOWN, region, source_profile or None, source_role or None)
        target = AccountConfig(
            "target", target_account, target_region or region, target_profile or None, target_role or None
        )
        return run(_at(source, endpoint), _at(target, endpoint), tables, name, out)


def run(source: AccountConfig, target: AccountConfig, patterns: list[str], name: str, out: str) -> int:
    """See the command."""
    import dataclasses

    from migrate.aws.session import connect
    from migrate.cli.world import access
    from migrate.core.clock import SystemClock
    from migrate.core.errors import Refused
    from migrate.manifest.scaffold import scaffold
    from migrate.observe.sketches import account_id, find_tables
    from migrate.render.style import plural

    if out != "-" and Path(out).exists():
        raise _exists(out)
    clock = SystemClock()
    nobody = dataclasses.replace(access(source), id="")  # whose credentials these are is what is asked
    id = account_id(connect(nobody, read_only=True, clock=clock))
    source = dataclasses.replace(source, id=id)
    found = find_tables(connect(access(source), read_only=True, clock=clock), patterns, clock)
    if not found:
        what = f"matches {' or '.join(patterns)}" if patterns else "exists"
        raise Refused(
            f"no table {what} in {id} {source.region}; nothing was written",
            hint="check --region and --tables, and the account of the credentials",
        )
    text = scaffold(source, target, [_sketch(table) for table in found], name=name)
    if out == "-":
        console.result(text.rstrip("\n"))
        return 0
    _write(out, text)
    console.result(f"Wrote {out}: {plural(len(found), 'table')} of {id} {source.region}.")
    unknown = f"fill in accounts.target of {out}, then: " if target.id == UNKNOWN else ""
    console.result(f"Next: {unknown}migrate validate {out}")
    return 0


def _at(account: AccountConfig, endpoint: str | None) -> AccountConfig:
    import dataclasses

    return dataclasses.replace(account, endpoint_url=endpoint)


def _sketch(table: FoundTable) -> TableSketch:
    from migrate.manifest.scaffold import TableSketch

    keys = table.keys
    sort = (keys.sort[0].name, keys.sort[0].type) if keys.sort else None
    partition = (keys.partition[0].name, keys.partition[0].type)
    return TableSketch(table.name, partition, sort, table.items, table.size_bytes, table.notes)


def _write(out: str, text: str) -> None:
    from migrate.core.errors import MigrateError

    try:
        with open(out, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise _exists(out) from None
    except OSError as error:
        raise MigrateError(f"cannot write {out}", why=str(error), hint="name another file with --out") from error


def _exists(out: str) -> Exception:
    from migrate.core.errors import Refused

    return Refused(
        f"{out} exists already; it was left as it is", hint="name another file with --out, or print it with --out -"
    )
