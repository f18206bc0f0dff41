"""The zip that ships beside the script: what the job imports, and nothing else."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES = ("core", "data", "spark")
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Archive:
    """`digest` is SHA-256 of the content: a name for it that changes when the program does."""

    content: bytes = field(repr=False)
    digest: str


def build() -> Archive:
    """The modules of `PACKAGES` below `migrate/`. The same sources make the same bytes, on any machine, at any time."""
    package = Path(__file__).resolve().parents[1]
    files = [package / "__init__.py", *(path for name in PACKAGES for path in (package / name).rglob("*.py"))]
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:  # stored: zlib versions differ in their output
        for path in sorted(files):
            name = f"migrate/{path.relative_to(package).as_posix()}"
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    return Archive(made.getvalue(), hashlib.sha256(made.getvalue()).hexdigest())


def script() -> bytes:
    """`job.py`, the entry script, as it is uploaded."""
    return (Path(__file__).resolve().parent / "job.py").read_bytes()
