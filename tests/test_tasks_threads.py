"""How many threads a task uses."""

from __future__ import annotations

import pytest

import whitediff
from one_filter import KERNEL, make_exposures, make_task
from whitediff.tasks.threads import threads_to_use


@pytest.mark.parametrize(
    ("argument", "configured", "environment", "expected"),
    [
        (3, 2, "1", 3),
        (None, 2, "1", 2),
        (0, 2, "1", 2),
        (None, 0, "1", 1),
        (None, 0, "4,2", 4),
        (None, 0, "8", 0),
        (None, 0, "5000", 0),
        (None, 0, "many", 0),
        (None, 0, None, 0),
    ],
)
def test_argument_configuration_environment(
    argument: int | None,
    configured: int,
    environment: str | None,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(whitediff._core, "usable_cores", lambda: 8)
    if environment is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", environment)
    assert threads_to_use(argument, configured) == expected


def test_the_task_uses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    task = make_task()
    for argument, expected in ((None, 1), (2, 2)):
        task.run(*make_exposures(), KERNEL, nThreads=argument)
        assert task.metadata["nThreads"] == expected
