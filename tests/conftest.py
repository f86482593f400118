"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

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


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260711)
