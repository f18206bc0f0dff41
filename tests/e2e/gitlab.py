"""The shell lines of the shipped GitLab pipeline, run as GitLab joins them; `curl` and `pip` are stand-ins."""

from __future__ import annotations

import json
import shutil
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.world import ENVIRONMENT

SHA, IID = "c" * 40, "9"
API = "https://gitlab.example/api/v4/projects/1"
CURL = """
import pathlib, shutil, sys
hub, words = pathlib.Path({hub!r}), sys.argv[1:]
url, body = words[-1], [word for word in words if word.startswith("body@")]
assert "--fail" in words and "PRIVATE-TOKEN: bot" in words, words
path = url.removeprefix({api!r})
if body:
    assert path == "/merge_requests/{iid}/notes", path
    (hub / "comment.md").write_text(pathlib.Path(body[0].removeprefix("body@")).read_text())
else:
    name = {{
        "/repository/commits/{sha}/merge_requests": "requests.json",
        "/merge_requests/{iid}/approvals": "approvals.json",
        "/merge_requests/{iid}/notes?sort=desc&per_page=100": "notes.json",
        "/jobs/artifacts/refs%2Fmerge-requests%2F{iid}%2Fhead/raw/plan.json?job=plan": "plan.json",
    }}[path]
    shutil.copyfileobj(open(hub / name), sys.stdout)
"""


class GitLab:
    """A project with one merge request, in folders of a test."""

    def __init__(self, folder: Path, pipeline: Path) -> None:
        self.repo, self.hub, self._bin = folder / "repo", folder / "hub", folder / "bin"
        self._pipeline = yaml.safe_load(pipeline.read_text(encoding="utf-8"))
        self._state = folder / "state"
        for one in (self.repo, self.hub, self._bin):
            one.mkdir(parents=True)
        launch = f"#!/bin/sh\nexec {sys.executable}"
        tools = {"curl": f'{launch} {self.hub}/curl.py "$@"', "migrate": f'{launch} -m migrate "$@"'}
        tools |= {"python": f'{launch} "$@"', "pip": '#!/bin/sh\n[ "$*" = "install --quiet the-package" ]'}
        for name, text in tools.items():
            (self._bin / name).write_text(text)
            (self._bin / name).chmod(0o755)
        (self.hub / "curl.py").write_text(CURL.format(hub=str(self.hub), api=API, iid=IID, sha=SHA))
        self.merge_request([], [])

    @property
    def comment(self) -> str:
        return (self.hub / "comment.md").read_text()

    def merge_request(self, approvers: list[str], notes: list[tuple[str, str]], state: str = "merged") -> None:
        """The merge request, with who has approved it and what was written, as (name, text)."""
        written = [{"author": {"username": name}, "body": body} for name, body in reversed(notes)]
        answers: dict[str, Any] = {
            "requests": [{"iid": int(IID), "state": state}],
            "approvals": {"approved_by": [{"user": {"username": name}} for name in approvers]},
            "notes": written,
        }
        for name, value in answers.items():
            (self.hub / f"{name}.json").write_text(json.dumps(value))

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """One job, in a fresh checkout."""
        job = self._pipeline[name]
        parent = self._pipeline[job["extends"]]
        work = self.repo.parent / "work"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(self.repo, work)
        env = {
            **ENVIRONMENT,
            "PATH": f"{self._bin}:/usr/bin:/bin",
            "MIGRATE_STATE": str(self._state),
            "MIGRATE_PACKAGE": "the-package",
            "API_TOKEN": "bot",
            "AWS_TOKEN": "a-token",
            "PLAN_ROLE": "role/plan",
            "APPLY_ROLE": "role/apply",
            "CI_API_V4_URL": API.rsplit("/projects", 1)[0],
            "CI_PROJECT_ID": "1",
            "CI_COMMIT_SHA": SHA,
            "CI_MERGE_REQUEST_IID": IID,
            "CI_JOB_URL": "https://gitlab.example/job/1",
        }
        for key, value in {**self._pipeline["variables"], **job["variables"]}.items():
            env[key] = string.Template(value).substitute(env)
        script = "\n".join([*parent["before_script"], *job["script"]])
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=work, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for path in job.get("artifacts", {}).get("paths", ()):
            if (work / path).exists():
                shutil.copy(work / path, self.hub)
        return done
