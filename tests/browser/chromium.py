"""A headless Chromium, spoken to over a pipe: what a page shows, asks for and complains about.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]


_START = """
import os, sys
for number, at in enumerate((100, 101), 1):
    os.dup2(int(sys.argv[number]), at)
os.dup2(100, 3)  # it reads commands from descriptor 3, and answers on 4
os.dup2(101, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def installed() -> str | None:
    """Where Chromium is, if it is anywhere."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Tab:
    """One page. `events` are all that the browser has told about it."""

    def __init__(self, writer: Any, reader: Any) -> None:
        self._writer, self._reader = writer, reader
        self._session, self._number, self._rest = "", 0, b""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def open(self, path: Path) -> None:
        """Open a file, and wait until everything of it is loaded."""
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not self.told("Page.loadEventFired"):
            self._hear()

    def text(self) -> str:
        """The text as it is shown: what is folded away is not in it."""
        return str(self.call("Runtime.evaluate", expression="document.body.innerText")["result"]["value"])

    def look(self, *, width: int, height: int, **media: str) -> bytes:
        """A screenshot (PNG), perhaps with another `prefers_color_scheme`."""
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        self.call("Emulation.setEmulatedMedia", features=features)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def requests(self) -> list[str]:
        """Everything that the page has asked for, itself included."""
        return [one["request"]["url"] for one in self.told("Network.requestWillBeSent")]

    def complaints(self) -> list[Any]:
        """What stands in the console."""
        names = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [one for name in names for one in self.told(name)]

    def told(self, method: str) -> list[dict[str, Any]]:
        """The events of that name."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol; its result."""
        self._number += 1
        wish = {"id": self._number, "method": method, "params": params}
        if self._session:
            wish["sessionId"] = self._session
        self._writer.write(json.dumps(wish).encode() + b"\0")
        self._writer.flush()
        while (answer := self._hear()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return dict(answer["result"])

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = self._reader.read1(1 << 20)
            assert data, "Chromium has ended"
            self._rest += data
        text, _, self._rest = self._rest.partition(b"\0")
        said: dict[str, Any] = json.loads(text)
        self.events.append(said)
        return said


@contextlib.contextmanager
def browser(program: str) -> Iterator[Tab]:
    """A tab of a Chromium with a profile of its own, which ends with the context."""
    ours, theirs = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [sys.executable, "-c", _START, str(ours[0]), str(theirs[1]), program, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(ours[0], theirs[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(ours[0])
        os.close(theirs[1])
        try:
            with open(ours[1], "wb") as writer, open(theirs[0], "rb") as reader:
                tab = Tab(writer, reader)
                yield tab
        finally:
            process.kill()
            process.wait()
