"""Runs the command in its arguments, and kills it with all that it started when the sandbox ends and stdin closes.

The folder that it runs in, which is the run's own, goes with it.

A script of its own, started by `spark_process`: not even SIGKILL of the sandbox leaves a Spark behind.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading


def _watch() -> None:
    sys.stdin.buffer.read()
    shutil.rmtree(os.getcwd(), ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def main() -> int:
    """The command's exit status, that of a shell for one that was killed."""
    threading.Thread(target=_watch, daemon=True).start()
    status = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL).wait()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)  # whatever the job left running
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    # Not sys.exit: the thread still holds stdin.
    os._exit(main())
