"""How long the Spark job runs, and what its engine costs, beside what the tables cost."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.plan.figures import dollars_words
from migrate.plan.model import Estimate, Range
from migrate.plan.occupancy import glue_dpus, instance_vcpus
from migrate.plan.verification import verification
from migrate.strategies.copy import load_costs
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
    """What the actions take; `run` is the name of the one that runs the job, as `copy` pays for it and its engine."""
    table, load = _moving(setup)
    engine, minutes = engine_of(setup), _run_minutes(setup, load)
    paid = minutes * (engine.units * engine.dollars / 60)
    exported = export_costs(setup.request) if setup.is_export else {}
    verified = {"verify": _verification(setup)} if setup.verifies else {}
    run_costs = Estimate.of(minutes, load.cost + paid, load.source_read_units)
    return {**exported, **table, run: run_costs, **verified}


def engine_words(setup: SparkSetup) -> str:
    """What the load is estimated to use and cost of the engine: `about 2.10 to 3.40 DPU-hours, $0.92-1.50`."""
    return _words(engine_of(setup), _run_minutes(setup, _moving(setup)[1]))


def verification_words(setup: SparkSetup) -> str:
    """The same of a run that verifies."""
    return _words(engine_of(setup), _verification(setup).took)


def _words(engine: Engine, minutes: Range) -> str:
    used = minutes * (engine.units / 60)
    low, high = f"{used.low:,.2f}", f"{used.high:,.2f}"
    paid = dollars_words(used * engine.dollars) if engine.dollars else "in a cluster that is paid for already"
    return f"about {low if low == high else f'{low} to {high}'} {engine.unit}-hours, {paid}"


def _moving(setup: SparkSetup) -> tuple[dict[str, Estimate], Estimate]:
    cores = Range.exactly(SHARE_OF_COPY * engine_of(setup).vcpus)
    return load_costs(setup.request, cores, is_read=not setup.is_export)


def _verification(setup: SparkSetup) -> Estimate:
    """Reading both tables, and the engine's part: to compare an item costs each side about as much as to copy it."""
    engine = engine_of(setup)
    speed = Range.exactly(ITEMS_PER_SECOND * SHARE_OF_COPY * engine.vcpus / 2)
    read = verification(setup.request, is_copied=False, items_per_second=speed)
    minutes = read.took + Range.exactly(_start_minutes(setup))
    return Estimate.of(minutes, read.cost + minutes * (engine.units * engine.dollars / 60), read.source_read_units)


def _run_minutes(setup: SparkSetup, load: Estimate) -> Range:
    """How long the engine is paid for."""
    return load.took + Range.exactly(_start_minutes(setup))


def _start_minutes(setup: SparkSetup) -> float:
    is_step = setup.engine == "cluster" and bool(setup.request.options.get("cluster_id"))
    return _START_MINUTES["step" if is_step else setup.engine]
