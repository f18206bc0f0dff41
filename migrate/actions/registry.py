"""Every kind of action and its handler."""

from __future__ import annotations

from collections.abc import Mapping

from migrate.actions import settings
from migrate.actions.backup_job import BackupJobHandler
from migrate.actions.backup_plan import (
    BackupPlanHandler,
    BackupPlanRemoval,
    BackupSelectionHandler,
    BackupSelectionRemoval,
)
from migrate.actions.backup_removal import (
    AirGappedVaultRemoval,
    KeyRemoval,
    RoleRemoval,
    ShareRemoval,
    VaultPolicyRemoval,
    VaultRemoval,
)
from migrate.actions.base import ActionHandler
from migrate.actions.bucket import BucketHandler, GrantHandler
from migrate.actions.copy import CopyHandler
from migrate.actions.copy_job import CopyJobHandler
from migrate.actions.emr_cluster import EmrClusterHandler
from migrate.actions.emr_serverless import EmrApplicationHandler, EmrRunHandler
from migrate.actions.emr_step import EmrStepHandler
from migrate.actions.export import ExportCheckHandler, ExportHandler
from migrate.actions.glue_job import GlueJobHandler, GlueRunHandler
from migrate.actions.indexes import IndexHandler
from migrate.actions.job_files import JobFilesHandler, JobTransformHandler
from migrate.actions.key import KeyHandler
from migrate.actions.load import ImportHandler
from migrate.actions.removal import (
    BucketRemoval,
    ExportRemoval,
    GrantRemoval,
    RecoveryPointRemoval,
    TableRemoval,
)
from migrate.actions.restore_check import RestoreCheckHandler
from migrate.actions.restore_job import RestoreJobHandler
from migrate.actions.role import RoleHandler
from migrate.actions.share import ShareHandler
from migrate.actions.sharing import ShareOfTable, ShareOfTableRemoval
from migrate.actions.spark_removal import (
    EmrApplicationRemoval,
    GlueJobRemoval,
    JobFilesRemoval,
    JobWorkRemoval,
)
from migrate.actions.table import TableHandler, TableLookHandler
from migrate.actions.vault import AirGappedVaultHandler, VaultHandler, VaultPolicyHandler
from migrate.actions.verify import VerifyHandler
from migrate.actions.warm import WarmThroughputHandler
from migrate.plan.sharing import SHARES


def handlers() -> Mapping[str, ActionHandler]:
    """The handlers by action kind."""
    return {
        "bucket": BucketHandler(),
        "bucket-policy": GrantHandler(),
        "export": ExportHandler(),
        "export-check": ExportCheckHandler(),
        "import": ImportHandler(),
        "key": KeyHandler(),
        "vault": VaultHandler(),
        "air-gapped-vault": AirGappedVaultHandler(),
        "vault-policy": VaultPolicyHandler(),
        "role": RoleHandler(),
        "share": ShareHandler(),
        "key-removal": KeyRemoval(),
        "vault-removal": VaultRemoval(),
        "air-gapped-vault-removal": AirGappedVaultRemoval(),
        "vault-policy-removal": VaultPolicyRemoval(),
        "role-removal": RoleRemoval(),
        "share-removal": ShareRemoval(),
        "backup-plan": BackupPlanHandler(),
        "backup-selection": BackupSelectionHandler(),
        "backup-selection-removal": BackupSelectionRemoval(),
        "backup-plan-removal": BackupPlanRemoval(),
        "backup-job": BackupJobHandler(),
        "copy-job": CopyJobHandler(),
        "restore-job": RestoreJobHandler(),
        "restore-check": RestoreCheckHandler(),
        "recovery-point-removal": RecoveryPointRemoval(),
        "table": TableHandler(),
        "table-look": TableLookHandler(),
        "warm-throughput": WarmThroughputHandler(),
        "copy": CopyHandler(),
        "job-files": JobFilesHandler(),
        "job-transform": JobTransformHandler(),
        "glue-job": GlueJobHandler(),
        "glue-run": GlueRunHandler(),
        "glue-verify": GlueRunHandler(),
        "emr-application": EmrApplicationHandler(),
        "emr-run": EmrRunHandler(),
        "emr-verify": EmrRunHandler(),
        "emr-cluster": EmrClusterHandler(),
        "emr-cluster-verify": EmrClusterHandler(),
        "emr-step": EmrStepHandler(),
        "emr-step-verify": EmrStepHandler(),
        "job-files-removal": JobFilesRemoval(),
        "job-work-removal": JobWorkRemoval(),
        "glue-job-removal": GlueJobRemoval(),
        "emr-application-removal": EmrApplicationRemoval(),
        "index": IndexHandler(),
        **{kind: ShareOfTable(kind) for kind in SHARES},
        **{f"{kind}-removal": ShareOfTableRemoval(kind) for kind in SHARES},
        "verify": VerifyHandler(),
        "export-removal": ExportRemoval(),
        "table-removal": TableRemoval(),
        "bucket-policy-removal": GrantRemoval(),
        "bucket-removal": BucketRemoval(),
        **settings.handlers(),
    }
