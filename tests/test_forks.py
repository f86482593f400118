"""Processes that are forks, and how many threads a call takes that nobody told a number."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pytest

import whitediff
from white_noise import gaussian
from whitediff._core import usable_cores

# A fork that waits forever would be ended by this; the work takes milliseconds.
TIMEOUT = 60.0

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")


def whitened(n_threads: int, height: int = 150) -> whitediff.Whitened:
    image = np.random.default_rng(1).normal(size=(height, 160)).astype(np.float32)
    return whitediff.decorrelate(
        image, 1.0, 2.0, gaussian(1.2, radius=5), spatially_varying=True, n_threads=n_threads
    )


def answer(connection: multiprocessing.connection.Connection) -> None:
    result = whitened(3)
    connection.send((result.n_threads, result.image))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_uses_one_thread_and_gets_the_same() -> None:
    here = whitened(3)
    context = multiprocessing.get_context("fork")
    near, far = context.Pipe()
    process = context.Process(target=answer, args=(far,), daemon=True)
    process.start()
    try:
        assert near.poll(TIMEOUT), "the fork does not answer"
        n_threads, image = near.recv()
    finally:
        process.kill()
        process.join()
    assert here.n_threads == 3
    assert n_threads == 1
    np.testing.assert_array_equal(image, here.image)


def in_a_new_process(code: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", f"from whitediff._core import usable_cores\n{code}"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT,
    ).stdout.strip()


def test_the_environment_limits_threads() -> None:
    assert in_a_new_process("print(usable_cores())", OMP_NUM_THREADS="1") == "1"
    # No environment gives more cores than there are.
    assert int(in_a_new_process("print(usable_cores())", OMP_NUM_THREADS="512")) <= os.cpu_count()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="there is no affinity")
def test_affinity_limits_threads() -> None:
    code = "import os; os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])"
    assert in_a_new_process(f"{code}\nprint(usable_cores())") == "1"


def test_threadpoolctl_limits_threads() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with threadpoolctl.threadpool_limits(1):
        assert usable_cores() == 1
        assert whitened(0).n_threads == 1
        assert whitened(2).n_threads == 2
    # A frame is worth a thread for every 2^17 of its pixels.
    assert whitened(0).n_threads == 1
    assert whitened(0, height=1640).n_threads == min(usable_cores(), 2)
