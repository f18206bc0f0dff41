"""What a run of the Spark job occupies of an account: DPUs of Glue, vCPUs of EMR."""

from __future__ import annotations

from migrate.plan.model import Action


def glue_dpus(worker_type: str) -> float:
    """DPUs of a Glue worker (`G.2X`: 2); G.025X is a quarter."""
    digits = "".join(one for one in worker_type if one.isdecimal())
    return 0.25 if digits == "025" else float(digits or 1)


def instance_vcpus(instance_type: str) -> float:
    """vCPUs of an EC2 instance, by the name of its size."""
    size = instance_type.rpartition(".")[2]
    if size.endswith("xlarge"):
        return 4.0 * int(size.removesuffix("xlarge") or 1)
    return 2.0


def occupied(action: Action) -> float:
    """DPUs of a `glue-run`; vCPUs, the driver's or primary node's included, of an `emr-run` or `emr-cluster`."""
    tuning = action.tuning or {}
    if action.kind == "glue-run":
        return float(int(tuning.get("workers", 10)) * glue_dpus(str(tuning.get("worker_type", "G.1X"))))
    if action.kind == "emr-run":
        return (int(tuning.get("workers", 4)) + 1) * 4.0
    groups = tuning.get("groups", ())
    return float(sum(int(one["InstanceCount"]) * instance_vcpus(str(one["InstanceType"])) for one in groups))
