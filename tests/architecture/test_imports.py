"""Imports go down one list; boto3 has one door; what is slow to import is imported late."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

from tests.architecture.source import ROOT, Import, Module, modules

LAYERS = (
    "cli",
    "render",
    "apply",
    "actions",
    "strategies",
    "plan",
    "verify",
    "observe",
    "manifest",
    "state",
    "aws",
    "spark",
    "data",
    "core",
)
"""From the top: each may import itself and what stands below it."""

ONLY = {"spark": {"data", "core"}, "data": {"core"}, "core": set[str](), "sandbox": set[str]()}
"""Layers that may import less than what stands below them. What runs inside Spark workers must be small."""

BOTO = ("boto3", "botocore")
SLOW = (*BOTO, "deepdiff", "jsonschema", "yaml", "rich")
STANDARD = set(sys.stdlib_module_names)


def test_every_folder_has_its_place_in_the_list() -> None:
    found = {module.layer for module in modules()} - {""}
    assert found <= {*LAYERS, "sandbox"}, "a new package needs a place in LAYERS and in the design"


def test_imports_go_down_only() -> None:
    assert not list(_upward())


def _upward() -> Iterator[str]:
    for module, found in _own_imports():
        layer, imported = module.layer, found.module.split(".")[1]
        if not layer or layer == imported or imported == "__version__":
            continue
        below = ONLY.get(layer, set(LAYERS[LAYERS.index(layer) + 1 :]) if layer in LAYERS else set())
        if imported not in below:
            yield f"{module.name}:{found.line} imports {found.module}, which is not below {layer}"


def _own_imports() -> Iterator[tuple[Module, Import]]:
    for module in modules():
        for found in module.imports():
            if found.module.startswith("migrate."):
                yield module, found


def test_boto3_has_one_door() -> None:
    strangers = [
        f"{module.name}:{found.line} imports {found.module}"
        for module in modules()
        for found in module.imports()
        if found.module.split(".")[0] in BOTO
        and module.layer not in ("aws", "sandbox")
        and not (module.name == "data/wire.py" and found.module.startswith("botocore."))
        and module.name != "spark/cloud.py"  # inside of a Spark worker, where `aws` is not
    ]
    assert not strangers


def test_transforms_run_where_only_python_is() -> None:
    """Spark workers may have nothing else."""
    near = ("migrate.core", "migrate.data.transform")
    strangers = [
        f"{module.name}:{found.line} imports {found.module}"
        for module in modules()
        if module.name.startswith("data/transform")
        for found in module.imports()
        if found.module.split(".")[0] not in STANDARD and not found.module.startswith(near)
    ]
    assert not strangers


def test_slow_packages_are_imported_late() -> None:
    early = [
        f"{module.name}:{found.line} imports {found.module} when it is loaded"
        for module in modules()
        for found in module.imports()
        if found.module.split(".")[0] in SLOW and not (found.is_lazy or found.is_typing) and module.layer != "sandbox"
    ]
    assert not early


def test_core_needs_the_standard_library_only() -> None:
    strangers = [
        f"{module.name}:{found.line} imports {found.module}"
        for module in modules()
        if module.layer == "core"
        for found in module.imports()
        if found.module.split(".")[0] not in {*STANDARD, "migrate"}
    ]
    assert not strangers


def test_help_does_not_pay_for_what_it_does_not_use() -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "migrate", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    loaded = {match[1].split(".")[0] for match in re.finditer(r"\| +([\w.]+)$", ran.stderr, re.MULTILINE)}
    assert "migrate" in loaded
    assert not loaded & {*SLOW, "moto", "flask"}
    assert "plan" in ran.stdout
