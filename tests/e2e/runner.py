"""A small GitHub Actions runner: the shell steps of a shipped workflow, run as they stand.

Stand-ins are what a runner or GitHub itself would give: the `uses:` steps, the `gh` command, and `pip`, which finds the
program installed already. Expressions are looked up, and anything beyond a look-up and a comparison is refused.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.world import ENVIRONMENT

SHA, HEAD, PR = "a" * 40, "b" * 40, 7
GH = """
import json, pathlib, shutil, sys
hub, words = pathlib.Path({hub!r}), sys.argv[1:]
found = json.loads((hub / "pr.json").read_text())
match words:
    case ["pr", "comment", number, *flags, "--body-file", file] if set(flags) <= {{"--edit-last", "--create-if-none"}}:
        assert number == str(found["number"]), number
        text = pathlib.Path(file).read_text()
        assert len(text) <= 65536, "GitHub refuses comments of this length"
        with open(hub / "comments.jsonl", "a") as comments:
            comments.write(json.dumps(text) + "\\n")
    case ["api", path, "--jq", ".[0].number // empty"] if path == "repos/me/repo/commits/{sha}/pulls":
        print(found["number"] or "")
    case ["pr", "view", number, "--json", "headRefOid,reviews"] if number == str(found["number"]):
        print(json.dumps({{name: found[name] for name in ("headRefOid", "reviews")}}))
    case ["run", "download", "--name", name]:
        shutil.copy(hub / "artifacts" / name / "plan.json", "plan.json")
    case _:
        sys.exit(f"the stand-in for gh does not know: {{words}}")
"""


@dataclass
class Ran:
    """How a job ended: the output of its steps by name (or id), and the exit code of the first that failed."""

    code: int = 0
    failed: str = ""
    steps: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "\n".join(self.steps.values())


class GitHub:
    """A repository, its pull request and its artifacts, in folders of a test."""

    def __init__(self, folder: Path, workflow: Path) -> None:
        self.repo, self._hub, self._bin = folder / "repo", folder / "hub", folder / "bin"
        self._workflow = yaml.safe_load(workflow.read_text(encoding="utf-8"))
        self._state = folder / "state"
        for one in (self.repo, self._hub / "artifacts", self._bin):
            one.mkdir(parents=True)
        self.pull_request()
        launch = f"#!/bin/sh\nexec {sys.executable}"
        self._tool("gh", f'{launch} {self._hub}/gh.py "$@"')
        self._tool("migrate", f'{launch} -m migrate "$@"')
        self._tool("python", f'{launch} "$@"')
        self._tool("pip", '#!/bin/sh\n[ "$*" = "install --quiet the-package" ]')
        (self._hub / "gh.py").write_text(GH.format(hub=str(self._hub), sha=SHA))

    def pull_request(self, *reviews: Mapping[str, Any], number: int | None = PR) -> None:
        """The pull request, with these reviews."""
        found = {"number": number, "headRefOid": HEAD, "reviews": list(reviews)}
        (self._hub / "pr.json").write_text(json.dumps(found))

    @property
    def comments(self) -> list[str]:
        path = self._hub / "comments.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def artifact(self) -> Path:
        return self._hub / "artifacts" / f"migrate-plan-{HEAD}" / "plan.json"

    def run(self, job: str, **variables: str) -> Ran:
        """Run one job in a fresh checkout, as its event would."""
        event = "pull_request" if job == "plan" else "push"
        github = {
            "event_name": event,
            "event": {"pull_request": {"number": PR, "head": {"sha": HEAD}}} if event == "pull_request" else {},
            "server_url": "https://github.example",
            "repository": "me/repo",
            "run_id": "1",
            "token": "gh-token",
        }
        names = {"MIGRATE_STATE": str(self._state), "MIGRATE_PACKAGE": "the-package"}
        roles = {"PLAN_ROLE": "role/plan", "APPLY_ROLE": "role/apply"}
        context = {"github": github, "vars": {**names, **roles}, "steps": {}}
        return _Job(self, self._workflow, job, context, variables).run()

    def _tool(self, name: str, text: str) -> None:
        (self._bin / name).write_text(text)
        (self._bin / name).chmod(0o755)


class _Job:
    def __init__(
        self, hub: GitHub, workflow: dict[str, Any], name: str, context: dict[str, Any], variables: Mapping[str, str]
    ) -> None:
        self.hub, self.context, self.job = hub, context, workflow["jobs"][name]
        assert _condition(self.job["if"], context, has_failed=False)
        assert workflow["defaults"]["run"]["shell"] == "bash"
        self.folder = hub.repo.parent / "work"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.env = {
            **{key: value for key, value in ENVIRONMENT.items() if not key.startswith("AWS_A")},
            "PATH": f"{hub._bin}:/usr/bin:/bin",
            "HOME": str(self.folder),
            "GITHUB_REPOSITORY": "me/repo",
            "GITHUB_SHA": SHA,
            "GITHUB_OUTPUT": str(self.folder.parent / "output"),
            "GITHUB_STEP_SUMMARY": os.devnull,
            **self._filled(workflow["env"]),
            **self._filled(self.job.get("env", {})),
            **variables,
        }
        self.ran = Ran()

    def run(self) -> Ran:
        for step in self.job["steps"]:
            if not _condition(step.get("if", ""), self.context, has_failed=bool(self.ran.code)):
                continue
            if "uses" in step:
                self._use(step["uses"].split("@")[0], self._filled(step.get("with", {})))
            else:
                self._shell(step)
        return self.ran

    def _shell(self, step: dict[str, Any]) -> None:
        assert "${{" not in step["run"], "an expression in a script is an injection"
        output = Path(self.env["GITHUB_OUTPUT"])
        output.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env={**self.env, **self._filled(step.get("env", {}))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        pairs = (line.split("=", 1) for line in output.read_text().splitlines())
        self.context["steps"][step.get("id", step["name"])] = {"outputs": dict(pairs)}
        self.ran.steps[step["name"]] = done.stdout
        if done.returncode and not self.ran.code:
            self.ran.code, self.ran.failed = done.returncode, step["name"]

    def _use(self, action: str, inputs: Mapping[str, str]) -> None:
        if action == "actions/checkout":
            shutil.copytree(self.hub.repo, self.folder, dirs_exist_ok=True)
        elif action == "aws-actions/configure-aws-credentials":
            assert inputs["role-to-assume"].startswith("role/")
            self.env |= {name: value for name, value in ENVIRONMENT.items() if name.startswith("AWS_")}
        elif action == "actions/upload-artifact":
            place = self.hub._hub / "artifacts" / inputs["name"]
            place.mkdir(exist_ok=True)
            shutil.copy(self.folder / inputs["path"], place)
        else:
            assert action == "actions/setup-python", action

    def _filled(self, values: Mapping[str, Any]) -> dict[str, str]:
        return {name: _text(str(value), self.context) for name, value in values.items()}


def _text(value: str, context: dict[str, Any]) -> str:
    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: _look_up(found[1], context), value)


def _look_up(path: str, context: dict[str, Any]) -> str:
    """A missing output of a step is empty, as in GitHub; any other missing name is a mistake of the workflow."""
    value: Any = context
    for name in path.split("."):
        value = value.get(name, "") if path.startswith("steps.") and value != "" else value[name] if value != "" else ""
    return str(value)


def _condition(text: str, context: dict[str, Any], *, has_failed: bool) -> bool:
    parts = [part.strip() for part in text.split("&&") if part.strip()]
    if "always()" not in parts and has_failed:
        return False
    for part in parts:
        if part != "always()":
            found = re.fullmatch(r"([\w.-]+) (==|!=) '([^']*)'", part)
            assert found, f"the runner does not know: {part}"
            if (_look_up(found[1], context) == found[3]) is not (found[2] == "=="):
                return False
    return True
