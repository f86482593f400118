"""How white whitened white noise is: the targets of quality, measured beside those of speed."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import whitediff
from errors import SkippedError

_VARIANCES = (100.0, 100.0)
_LAGS = range(1, 11)


def _scene() -> Any:
    """Give the module of the tests that makes noise through kernels that vary."""
    tests = Path(__file__).parents[1] / "tests"
    if not (tests / "white_noise.py").is_file():
        raise SkippedError(f"no white_noise.py in {tests}")
    if str(tests) not in sys.path:
        sys.path.append(str(tests))
    import white_noise

    return white_noise


@cache
def whitened_noise(size: int, seed: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Whiten S - K*T of two images of white noise, K varying over the frame.

    Returns
    -------
    image, variance : `numpy.ndarray`, [y, x]
        The result, float64.
    """
    scene = _scene()
    shape = (size, size)
    kernel = scene.linear_kernel(shape)
    image = scene.difference(shape, kernel, _VARIANCES, np.random.default_rng(seed))
    result = whitediff.decorrelate(image.astype(np.float32), *_VARIANCES, kernel)
    return result.image.astype(float), result.variance.astype(float)


def variance_error(size: int, seed: int, parts: int) -> float:
    """Give by how much the variance is off, in per cent: the worst of parts x parts of the frame.

    Theory is v_S + v_T (sum K)^2, and the sum of K is one.
    """
    image, _ = whitened_noise(size, seed)
    edges = np.linspace(0, size, parts + 1).astype(int)
    ratios = [
        (image[y0:y1, x0:x1] ** 2).mean() / sum(_VARIANCES)
        for y0, y1 in zip(edges[:-1], edges[1:], strict=True)
        for x0, x1 in zip(edges[:-1], edges[1:], strict=True)
    ]
    return float(100 * np.abs(np.array(ratios) - 1).max())


def correlations(size: int, seed: int) -> npt.NDArray[np.float64]:
    """Give the autocorrelations at lags 1 to 10 in x and y, in sampling errors."""
    image, _ = whitened_noise(size, seed)
    square = (image**2).mean()
    found = []
    for along in (image, image.T):
        for lag in _LAGS:
            products = along[:, lag:] * along[:, :-lag]
            found.append(products.mean() / square * np.sqrt(products.size))
    return np.array(found)
