"""Runs the sandbox as a process of its own: `python -m migrate.sandbox`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from migrate.sandbox.settings import Timing


def main(arguments: list[str] | None = None) -> int:
    """Serves until SIGTERM, SIGINT or, with --with-parent, until the parent process ends. Returns the exit code."""
    options = _parser().parse_args(arguments)
    # After the arguments: moto takes most of the start-up time, and `--help` must not pay for it.
    from migrate.sandbox import saved
    from migrate.sandbox.server import Sandbox

    sandbox = Sandbox(_timing(options), port=options.port, log=options.log)
    if options.state_file:
        try:
            saved.load(options.state_file)
        except saved.UnreadableState as error:
            sys.stderr.write(f"{error}\n")
            return 1

    def stop(*_: Any) -> None:
        # `shutdown` waits for the serving loop, which runs in this very thread: so it is called from another one.
        threading.Thread(target=sandbox.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if options.with_parent:
        threading.Thread(target=_watch_parent, args=(os.getppid(), stop), daemon=True).start()
    threading.Thread(target=_announce, args=(sandbox, options.demo_tables), daemon=True).start()
    sandbox.serve()
    if options.state_file:
        saved.save(options.state_file)
    return 0


def _announce(sandbox: Any, with_demo_tables: bool) -> None:
    """The ready line; the demo's tables are made through the running server first."""
    if with_demo_tables:
        from migrate.sandbox.seed import seed

        seed(sandbox.endpoint_url)
    sys.stdout.write(json.dumps(sandbox.description()) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    defaults = Timing()
    parser = argparse.ArgumentParser(prog="python -m migrate.sandbox", description="Embedded AWS with two accounts.")
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free port")
    parser.add_argument("--log", type=Path, help="append every call to this file, as JSON lines")
    parser.add_argument("--state-file", type=Path, help="load the data from this file and write it back at the end")
    parser.add_argument("--with-parent", action="store_true", help="stop when the process that started this one ends")
    parser.add_argument("--demo-tables", action="store_true", help="make the demo's tables in the source account")
    for name, seconds in vars(defaults).items():
        parser.add_argument(f"--{name.replace('_', '-')}-seconds", type=float, default=seconds, metavar="S")
    return parser


def _timing(options: argparse.Namespace) -> Timing:
    return Timing(**{name: getattr(options, f"{name}_seconds") for name in vars(Timing())})


def _watch_parent(parent: int, stop: Any) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    stop()


if __name__ == "__main__":
    sys.exit(main())
