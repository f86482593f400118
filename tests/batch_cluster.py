"""A cluster of two workers with one thread each, until standard input ends; prints its address."""

import logging
import sys

from distributed import LocalCluster

import waiting_kernels  # noqa: F401  # its workers import this module

if __name__ == "__main__":
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
        scheduler_kwargs={"allowed_failures": 1},
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
