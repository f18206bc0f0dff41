"""How long the Spark job runs, and what its engine costs, beside what the tables cost."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.plan.model import Estimate
from migrate.plan.prices import GIB, JSON_FACTOR, PRICES
from migrate.plan.verification import verification_minutes
from migrate.strategies import copy_cost
from migrate.strategies.copy import chosen_indexes
from migrate.strategies.copy_warm import choose_warmth
from migrate.strategies.spark_setup import SparkSetup

SHARE_OF_COPY = 0.7
"""What the job moves per core, of what strategy `copy` moves."""

EXPORT_MINUTES = 12.0
_START_MINUTES = {"glue": 1.5, "serverless": 2.0, "cluster": 8.0, "step": 1.0}
"""Until the first item moves, and until the last worker is gone: from AWS's documentation, not measured."""

_GB_PER_VCPU = 4.0


@dataclass(frozen=True)
class Engine:
    """What a run occupies: `units` of `unit` (DPU, vCPU), of which an hour costs `dollars` each; `vcpus` that work."""

    unit: str
    units: float
    dollars: float
    vcpus: float


def engine_of(setup: SparkSetup) -> Engine:
    """The workers that the options ask for, their driver included."""
    options = setup.request.options
    if setup.engine == "glue":
        workers, size = int(options.get("workers", 10)), _size(str(options.get("worker_type", "G.1X")))
        is_flex = options.get("execution_class") == "flex"
        price = PRICES.glue_flex_dpu_hour if is_flex else PRICES.glue_dpu_hour
        return Engine("DPU", workers * size, price, (workers - 1) * size * 4)  # one is the driver's
    workers = int(options.get("workers", 4))
    if setup.engine == "serverless":
        price = PRICES.emr_vcpu_hour + _GB_PER_VCPU * PRICES.emr_gb_hour
        if options.get("architecture", "ARM64") == "ARM64":
            price *= 0.8
        return Engine("vCPU", (workers + 1) * 4, price, workers * 4)
    each = _vcpus(str(options.get("instance_type", "m6g.xlarge")))
    price = 0.0 if options.get("cluster_id") else PRICES.cluster_vcpu_hour
    return Engine("vCPU", (workers + 1) * each, price, workers * each)


def estimate(setup: SparkSetup) -> Estimate:
    """The whole move."""
    request, engine = setup.request, engine_of(setup)
    tables, hours = _tables(setup), _run_minutes(setup) / 60
    minutes, dollars = tables.minutes + _start_minutes(setup), tables.dollars
    if setup.verifies:
        again = _verify_minutes(setup)
        minutes += again - verification_minutes(request)  # which the planner adds, whoever verifies
        hours += again / 60
    reads = tables.source_read_units
    if setup.is_export:
        gib = request.source.size_bytes / GIB
        minutes += EXPORT_MINUTES + gib / 1024 * 60
        dollars += gib * PRICES.export_gib + gib * JSON_FACTOR * PRICES.s3_gib_month / 30
        if request.source.spec.recovery_days is None:
            dollars += gib * PRICES.recovery_gib_month / 30
        of_scan = copy_cost.scanned_units(request)
        dollars, reads = dollars - of_scan * PRICES.read_unit, reads - of_scan
    return Estimate(round(minutes, 1), round(dollars + hours * engine.units * engine.dollars, 6), reads)


def engine_words(setup: SparkSetup) -> str:
    """What the engine is estimated to use and cost for the load: `about 2.1 DPU-hours, $0.92`."""
    return _words(engine_of(setup), _run_minutes(setup) / 60)


def verification_words(setup: SparkSetup) -> str:
    """The same for the verification by a run of the job."""
    return _words(engine_of(setup), _verify_minutes(setup) / 60)


def _words(engine: Engine, hours: float) -> str:
    used = hours * engine.units
    cost = f"${used * engine.dollars:.2f}" if engine.dollars else "in a cluster that is paid for already"
    minutes = max(1, round(hours * 60))
    return f"about {used:.2f} {engine.unit}-hours, {cost}, in {minutes} minute{'' if minutes == 1 else 's'}"


def _start_minutes(setup: SparkSetup) -> float:
    is_step = setup.engine == "cluster" and bool(setup.request.options.get("cluster_id"))
    return _START_MINUTES["step" if is_step else setup.engine]


def _tables(setup: SparkSetup) -> Estimate:
    """Scan, writes and verification, as strategy `copy` pays for them."""
    request = setup.request
    indexes = chosen_indexes(request)
    warmth = choose_warmth(request, indexes.present)
    speed = copy_cost.ITEMS_PER_SECOND * SHARE_OF_COPY * engine_of(setup).vcpus
    return copy_cost.estimate(request, indexes.present.values(), indexes.minutes_after, warmth.dollars, speed)


def _run_minutes(setup: SparkSetup) -> float:
    """How long the engine is paid for."""
    after = chosen_indexes(setup.request).minutes_after
    return float(_tables(setup).minutes - after + _start_minutes(setup))


def _verify_minutes(setup: SparkSetup) -> float:
    """How long the run that verifies is paid for: each table's items cost about as much as copying them."""
    speed = copy_cost.ITEMS_PER_SECOND * SHARE_OF_COPY * engine_of(setup).vcpus
    reading = 2 * setup.request.source.item_count / speed / 60
    return _start_minutes(setup) + max(reading, verification_minutes(setup.request))


def _size(worker_type: str) -> float:
    """DPUs of a Glue worker: G.025X is a quarter."""
    digits = "".join(one for one in worker_type if one.isdecimal())
    return 0.25 if digits == "025" else float(digits or 1)


def _vcpus(instance_type: str) -> float:
    """Of an EC2 instance, by the name of its size."""
    size = instance_type.rpartition(".")[2]
    if size.endswith("xlarge"):
        return 4.0 * int(size.removesuffix("xlarge") or 1)
    return 2.0
