"""Many runs of the command line at once, as processes: forked from one that has the program loaded, so that they are
cheap and start together."""

from __future__ import annotations

import multiprocessing
import os
import sys
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Barrier

LOADED = ["tests.e2e.loaded"]


@dataclass
class Runner:
    """One process; `said` is the file with all that it printed."""

    process: BaseProcess
    said: Path
    barrier: Barrier
    """Kept here, since it is gone when the starting process forgets it."""

    @property
    def text(self) -> str:
        return self.said.read_text()


def start_together(words: list[str], count: int, folder: Path, environment: dict[str, str]) -> list[Runner]:
    """So many processes with the same command line in `folder`; they begin when all are there."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    barrier = context.Barrier(count)
    runners = []
    for number in range(count):
        said = folder / f"said-{words[1]}-{number}"
        arguments = (words, barrier, str(folder), environment, str(said))
        runners.append(Runner(context.Process(target=run, args=arguments, daemon=True), said, barrier))
    for one in runners:
        one.process.start()
    return runners


def run(words: list[str], barrier: Barrier, folder: str, environment: dict[str, str], said: str) -> None:
    """The life of one process."""
    os.chdir(folder)
    os.environ.update(environment)
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(out, stream)
    from migrate.cli.main import main

    barrier.wait()
    sys.exit(main(words))
