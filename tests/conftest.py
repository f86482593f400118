"""What all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import foreign

DATA = Path(os.environ.get("WHITEDIFF_DATA", Path(__file__).parents[1] / "../shared/data"))


@pytest.fixture(scope="session")
def data_path() -> Callable[[str], Path]:
    """Gives the path of real data, a file or a folder; the test skips where it is absent."""

    def path_of(name: str) -> Path:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"no {name} in {DATA}: set WHITEDIFF_DATA to the folder of the test data")
        return path

    return path_of


@pytest.fixture(scope="session", autouse=True)
def interrupts() -> None:
    """A shell lets its background jobs ignore interrupts, and so do all processes they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260711)


@pytest.fixture(autouse=True)
def foreign_mask_planes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mask planes of lsst.afw belong to the process: what a test adds must not reach the next."""
    monkeypatch.setattr("foreign.Mask.planes", dict(foreign.Mask.planes))
