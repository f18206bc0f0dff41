"""Imported by the process that the runs of a race are forked from: what each of them would load again for itself."""

from __future__ import annotations

import contextlib
import io

import botocore.client
import botocore.endpoint
import botocore.httpsession
import botocore.signers

import migrate.cli.cmd_apply
import migrate.cli.world
from migrate.aws.session import _shared_loader
from migrate.cli.main import main

__all__ = ["botocore", "migrate"]
for service in ("sts", "s3", "dynamodb", "application-autoscaling"):
    _shared_loader().load_service_model(service, "service-2")
    _shared_loader().load_service_model(service, "endpoint-rule-set-1")
with contextlib.redirect_stderr(io.StringIO()):
    main(["validate", "/dev/null"])  # the command line's own imports
