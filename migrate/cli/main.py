"""The command line: global options, the list of commands, and the last resort for errors."""

from __future__ import annotations

import os
import sys
from typing import Any

# Help in plain text: importing rich for it would cost a third of the start-up time.
os.environ.setdefault("TYPER_USE_RICH", "0")

import typer

from migrate import __version__
from migrate.cli import (
    cmd_apply,
    cmd_cleanup,
    cmd_compare,
    cmd_demo,
    cmd_doctor,
    cmd_graph,
    cmd_init,
    cmd_permissions,
    cmd_plan,
    cmd_prices,
    cmd_report,
    cmd_restore_check,
    cmd_sandbox,
    cmd_schema,
    cmd_show,
    cmd_state,
    cmd_status,
    cmd_throttle,
    cmd_validate,
    cmd_verify,
    exit_codes,
)
from migrate.cli.console import console
from migrate.core.errors import ManifestInvalid, MigrateError

app = typer.Typer(
    name="migrate",
    help="Move DynamoDB tables between AWS accounts: plan, apply, resume, verify.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"migrate {__version__}")
        raise typer.Exit


@app.callback()
def options(
    state: str = typer.Option(
        "state/", "--state", envvar="MIGRATE_STATE", help="Where the state is: a folder, or s3://bucket/prefix."
    ),
    no_color: bool = typer.Option(False, "--no-color", help="Plain text (also: NO_COLOR)."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Say more."),
    _version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Print the version."),
) -> None:
    """Options that every command understands."""
    console.configure(state=state, colour=not no_color and "NO_COLOR" not in os.environ, verbose=verbose)


for module in (
    cmd_init,
    cmd_validate,
    cmd_doctor,
    cmd_plan,
    cmd_compare,
    cmd_show,
    cmd_graph,
    cmd_permissions,
    cmd_apply,
    cmd_status,
    cmd_throttle,
    cmd_verify,
    cmd_report,
    cmd_restore_check,
    cmd_cleanup,
    cmd_state,
    cmd_prices,
    cmd_schema,
    cmd_sandbox,
    cmd_demo,
):
    module.register(app)


def collect_rarely() -> None:
    """Make Python look for circular garbage less often: a plan of 2,000 tables is a million objects that stay."""
    import gc

    gc.set_threshold(400_000, 50, 100)


def run(arguments: list[str] | None = None) -> None:
    """Entry point: run the command line and exit with its code."""
    collect_rarely()
    sys.exit(main(arguments))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    console.is_error_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    usage_error: Any = typer.BadParameter.__mro__[1]  # click's, which newer versions of typer carry inside
    try:
        code = typer.main.get_command(app).main(_moved_options(arguments), prog_name="migrate", standalone_mode=False)
    except usage_error as error:
        error.show()
        return exit_codes.USAGE
    except typer.Abort:
        return exit_codes.INTERRUPTED
    except MigrateError as error:
        return _ended_by(error)
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort
        return _fault(error)
    return int(code or 0)


_COMMON = {"--no-color": 0, "-v": 0, "--verbose": 0, "--state": 1}


def _moved_options(arguments: list[str] | None) -> list[str]:
    """The common options may stand anywhere: `migrate plan FILE --state DIR` is what people type."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    front: list[str] = []
    rest: list[str] = []
    while given:
        word = given.pop(0)
        name = word.split("=", 1)[0]
        if word == "--":
            rest += [word, *given]
            break
        if name not in _COMMON:
            rest.append(word)
            continue
        front.append(word)
        if _COMMON[name] and "=" not in word and given:
            front.append(given.pop(0))
    return front + rest


def _ended_by(error: MigrateError) -> int:
    code = exit_codes.exit_code(error)
    if isinstance(error, ManifestInvalid):
        console.diagnostics(error.diagnostics)
    else:
        console.error(error)
    console.error_json(error, code)
    return code


def _fault(error: Exception) -> int:
    if console.verbose:
        import traceback

        traceback.print_exception(error)
    return _ended_by(
        MigrateError(
            f"{type(error).__name__}: {error}",
            why="a fault of this program; what was saved is intact",
            hint="run it again with -v to see where, and please report it",
        )
    )


if __name__ == "__main__":
    run()
