"""Entry script on every engine. All work is in importable modules: what stands here would be pickled by value."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 (EMR 7 starts scripts with 3.9 unless told otherwise)
    raise SystemExit("migrate needs Python 3.10 or later here: set PYSPARK_PYTHON and PYSPARK_DRIVER_PYTHON")

from migrate.spark.driver import main

if __name__ == "__main__":
    main(sys.argv[1:])
