"""How long the Spark job runs, and what its engine costs, beside what the tables cost."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.plan.model import Estimate, Range
from migrate.plan.occupancy import glue_dpus, instance_vcpus
from migrate.plan.verification import verification
from migrate.strategies.copy import load_costs, table_costs
from migrate.strategies.copy_cost import ITEMS_PER_SECOND
from migrate.strategies.s3_export import export_costs
from migrate.strategies.spark_setup import SparkSetup

SHARE_OF_COPY = 0.7
"""What the job moves per core, of what strategy `copy` moves."""

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
    options, prices = setup.request.options, setup.request.target_prices
    if setup.engine == "glue":
        workers, size = int(options.get("workers", 10)), glue_dpus(str(options.get("worker_type", "G.1X")))
        is_flex = options.get("execution_class") == "flex"
        price = prices.glue_flex_dpu_hour if is_flex else prices.glue_dpu_hour
        return Engine("DPU", workers * size, price, (workers - 1) * size * 4)  # one is the driver's
    workers = int(options.get("workers", 4))
    if setup.engine == "serverless":
        price = prices.emr_vcpu_hour + _GB_PER_VCPU * prices.emr_gb_hour
        if options.get("architecture", "ARM64") == "ARM64":
            price = prices.emr_arm_vcpu_hour + _GB_PER_VCPU * prices.emr_arm_gb_hour
        return Engine("vCPU", (workers + 1) * 4, price, workers * 4)
    each = instance_vcpus(str(options.get("instance_type", "m6g.xlarge")))
    price = 0.0 if options.get("cluster_id") else prices.cluster_vcpu_hour
    return Engine("vCPU", (workers + 1) * each, price, workers * each)


def costs_of(setup: SparkSetup, run: str) -> dict[str, Estimate]:
    """What the actions take; `run` is the name of the one that runs the job."""
    exported = export_costs(setup.request) if setup.is_export else {}
    verified = {"verify": _verification(setup)} if setup.verifies else {}
    return {**exported, **table_costs(setup.request), run: _run(setup), **verified}


def engine_words(setup: SparkSetup) -> str:
    """What the load is estimated to use and cost of the engine: `about 2.1 to 3.4 DPU-hours, $0.92-1.50`."""
    return _words(engine_of(setup), _run_minutes(setup) * (1 / 60))


def verification_words(setup: SparkSetup) -> str:
    """The same of a run that verifies."""
    return _words(engine_of(setup), _verification(setup).took * (1 / 60))


def _words(engine: Engine, hours: Range) -> str:
    used = hours * engine.units
    figures = f"{used.low:.2f}" if f"{used.low:.2f}" == f"{used.high:.2f}" else f"{used.low:.2f} to {used.high:.2f}"
    paid = used * engine.dollars
    dollars = f"${paid.low:.2f}" if f"{paid.low:.2f}" == f"{paid.high:.2f}" else f"${paid.low:.2f}-{paid.high:.2f}"
    cost = dollars if engine.dollars else "in a cluster that is paid for already"
    return f"about {figures} {engine.unit}-hours, {cost}"


def _run(setup: SparkSetup) -> Estimate:
    """The tables' part, as strategy `copy` pays for it, and the engine's."""
    engine, tables, minutes = engine_of(setup), _moving(setup), _run_minutes(setup)
    paid = minutes * (engine.units * engine.dollars / 60)
    return Estimate.of(minutes, tables.cost + paid, tables.source_read_units)


def _verification(setup: SparkSetup) -> Estimate:
    """Reading both tables, and the engine's part: to compare an item costs each side about as much as to copy it."""
    engine = engine_of(setup)
    speed = Range.exactly(ITEMS_PER_SECOND * SHARE_OF_COPY * engine.vcpus / 2)
    read = verification(setup.request, is_copied=False, items_per_second=speed)
    minutes = read.took + Range.exactly(_start_minutes(setup))
    return Estimate.of(minutes, read.cost + minutes * (engine.units * engine.dollars / 60), read.source_read_units)


def _moving(setup: SparkSetup) -> Estimate:
    return load_costs(setup.request, Range.exactly(SHARE_OF_COPY * engine_of(setup).vcpus), is_read=not setup.is_export)


def _run_minutes(setup: SparkSetup) -> Range:
    """How long the engine is paid for."""
    return _moving(setup).took + Range.exactly(_start_minutes(setup))


def _start_minutes(setup: SparkSetup) -> float:
    is_step = setup.engine == "cluster" and bool(setup.request.options.get("cluster_id"))
    return _START_MINUTES["step" if is_step else setup.engine]
