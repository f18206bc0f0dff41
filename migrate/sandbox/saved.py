"""Keeps the sandbox's data over a restart: all of moto's backends in one file, written when the sandbox stops.

With them go the jobs that have not ended yet (they go on when the sandbox is back) and the sandbox's clock.

The file is a pickle: load only files that your own sandbox wrote. Not kept: the call log, fault rules, the names of
role sessions (their account is part of the key, so they go on working), and everything since the start if the process
is killed.
"""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import moto
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from moto import backends as moto_backends
from moto.core.base_backend import BackendDict, BaseBackend
from moto.organizations.models import organizations_backends
from moto.s3.models import s3_backends

from migrate.sandbox import clock, jobs

_FORMAT = 3


class UnreadableState(Exception):
    """The state file was written by another version, or is no state file."""


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        """A reference from one backend to another stays a reference."""
        if isinstance(obj, BaseBackend):
            return _service(type(obj)), obj.account_id, obj.region_name
        return None

    def reducer_override(self, obj: Any) -> Any:
        """Private keys of KMS have no pickled form of their own."""
        if hasattr(obj, "private_bytes"):
            pem = obj.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            return private_key, (pem,)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: Any) -> Any:
        service, account, region = pid
        return _backend(service, account, region)


def private_key(pem: bytes) -> Any:
    """A private key from its text; the state file calls it by this name."""
    return load_pem_private_key(pem, None)


def save(path: Path) -> None:
    """Writes everything to a file; the old file stays whole until the new one is."""
    content = io.BytesIO()
    everything = {"backends": _everything(), "ahead": clock.ahead(), "waiting": jobs.waiting()}
    _Pickler(content).dump({"format": _FORMAT, "moto": moto.__version__, **everything})
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(content.getvalue())
    os.replace(temporary, path)


def load(path: Path) -> None:
    """Puts back what `save` wrote; an absent file means an empty sandbox. Raises UnreadableState."""
    if not path.exists():
        return
    try:
        saved = _Unpickler(io.BytesIO(path.read_bytes())).load()
        known = (saved["format"], saved["moto"])
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, KeyError, TypeError, IndexError) as error:
        raise UnreadableState(f"{path}: not a sandbox's state file ({error}). Delete it to start empty.") from error
    if known != (_FORMAT, moto.__version__):
        raise UnreadableState(
            f"{path}: written by another version of the sandbox (format {known[0]}, moto {known[1]}; "
            f"this is format {_FORMAT}, moto {moto.__version__}). Delete it to start empty."
        )
    for (service, account, region), attributes in saved["backends"].items():
        _backend(service, account, region).__dict__.update(attributes)
        if service == "s3":
            _register_buckets(account, attributes)
        if service == "organizations" and attributes["org"] is not None:
            _register_members(account, attributes)
    clock.set_ahead(saved["ahead"])
    jobs.drop()
    jobs.resume(saved["waiting"])


def _register_buckets(account: str, attributes: dict[str, Any]) -> None:
    """Names of buckets are global: beside its backends, moto keeps whose they are."""
    for name in attributes["buckets"]:
        s3_backends.bucket_accounts[name] = (attributes["partition"], account)


def _register_members(management: str, attributes: dict[str, Any]) -> None:
    """The same of the accounts of an organization."""
    for member in attributes["accounts"]:
        if member.id != management:
            organizations_backends.master_accounts[member.id] = (management, attributes["partition"])


def _everything() -> dict[tuple[str, str, str], dict[str, Any]]:
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for instance in list(BackendDict._instances):
        for account, regions in list(instance.items()):
            for region, backend in list(regions.items()):
                found[_service(type(backend)), account, region] = backend.__dict__
    return found


def _service(backend: type) -> str:
    """moto's name of a service: the package that its backend lives in."""
    return backend.__module__.split(".")[1]


def _backend(service: str, account: str, region: str) -> Any:
    name: Any = service
    return moto_backends.get_backend(name)[account][region]
