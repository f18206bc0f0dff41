"""Every kind of action and its handler."""

from __future__ import annotations

from collections.abc import Mapping

from migrate.actions import settings
from migrate.actions.backup_job import BackupJobHandler
from migrate.actions.base import ActionHandler
from migrate.actions.bucket import BucketHandler, GrantHandler
from migrate.actions.copy import CopyHandler
from migrate.actions.copy_job import CopyJobHandler
from migrate.actions.export import ExportCheckHandler, ExportHandler
from migrate.actions.indexes import IndexHandler
from migrate.actions.load import ImportHandler
from migrate.actions.removal import (
    BucketRemoval,
    ExportRemoval,
    GrantRemoval,
    RecoveryPointRemoval,
    TableRemoval,
)
from migrate.actions.restore_job import RestoreJobHandler
from migrate.actions.table import TableHandler
from migrate.actions.verify import VerifyHandler


def handlers() -> Mapping[str, ActionHandler]:
    """The handlers by action kind."""
    return {
        "bucket": BucketHandler(),
        "bucket-policy": GrantHandler(),
        "export": ExportHandler(),
        "export-check": ExportCheckHandler(),
        "import": ImportHandler(),
        "backup-job": BackupJobHandler(),
        "copy-job": CopyJobHandler(),
        "restore-job": RestoreJobHandler(),
        "recovery-point-removal": RecoveryPointRemoval(),
        "table": TableHandler(),
        "copy": CopyHandler(),
        "index": IndexHandler(),
        "verify": VerifyHandler(),
        "export-removal": ExportRemoval(),
        "table-removal": TableRemoval(),
        "bucket-policy-removal": GrantRemoval(),
        "bucket-removal": BucketRemoval(),
        **settings.handlers(),
    }
