"""`migrate demo`: the whole story in the sandbox, as a user would type it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from migrate.cli.console import console

STORY = (
    ("validate", "manifest.yaml"),
    ("plan", "manifest.yaml"),
    ("apply", "manifest.yaml", "--auto-approve"),
    ("verify", "manifest.yaml"),
    ("plan", "manifest.yaml"),
)

_MANIFEST = """\
version: 1
name: demo

accounts:
  source:
    id: "{source[id]}"
    region: {source[region]}
    role: {source[role]}
    endpoint_url: {url}
  target:
    id: "{target[id]}"
    region: {target[region]}
    role: {target[role]}
    endpoint_url: {url}

strategies:
  s3: {{bucket: migration-{target[id]}, create_bucket: true}}

tables:
  - name: orders
    target:
      tags: {{moved-by: migrate}}
  - match: "events-*"
  - name: sensors
"""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("demo")
    def demo(
        keep: str = typer.Option("", "--keep", metavar="DIR", help="Work in this folder, and keep it."),
    ) -> int:
        """Move three tables between two accounts of the sandbox: validate, plan, apply, verify, plan again."""
        from migrate.cli.cmd_sandbox import require_sandbox

        require_sandbox()
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: nothing is left behind
        with _folder(keep) as folder, _sandbox(folder) as ready:
            manifest = _MANIFEST.format(url=ready["endpoint_url"], **ready["accounts"])
            (folder / "manifest.yaml").write_text(manifest, encoding="utf-8")
            console.result(f"An AWS of its own at {ready['endpoint_url']}, with three tables in the source account.\n")
            code = next((code for code in (_run(folder, words) for words in STORY) if code), 0)
        if keep:
            console.result(f"Kept: {keep} (the sandbox has ended)")
        return code


def _run(folder: Path, words: tuple[str, ...]) -> int:
    """Run one command of the story as a process, its output passed through; the exit code."""
    console.result(f"$ migrate {' '.join(words)}")
    code = subprocess.run([sys.executable, "-m", "migrate", *words], cwd=folder, env=_environment()).returncode
    console.result("")
    return code


@contextmanager
def _folder(keep: str) -> Iterator[Path]:
    if keep:
        Path(keep).mkdir(parents=True, exist_ok=True)
        yield Path(keep)
        return
    folder = tempfile.mkdtemp(prefix="migrate-demo-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _sandbox(folder: Path) -> Iterator[dict[str, Any]]:
    """A sandbox with the demo's tables; gives its ready line. It ends with this process, however that ends."""
    from migrate.core.errors import MigrateError

    command = [sys.executable, "-m", "migrate.sandbox", "--port", "0", "--demo-tables", "--with-parent"]
    with (
        open(folder / "sandbox.log", "w", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=_environment(), text=True) as process,
    ):
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.strip():
                text = (folder / "sandbox.log").read_text(encoding="utf-8").strip()
                raise MigrateError("the sandbox did not start", why=text[-2000:], hint="migrate sandbox   shows more")
            yield json.loads(line)
        finally:
            process.kill()


def _environment() -> dict[str, str]:
    """This process's environment without anything that leads to a real AWS account."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MIGRATE_"))}
    package = str(Path(__file__).resolve().parent.parent.parent)  # children run in another folder
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([package, *filter(None, [kept.get("PYTHONPATH", "")])]),
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
