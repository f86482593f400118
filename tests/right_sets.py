"""Simulated subtractions in which nothing is wrong, however hard they look."""

from __future__ import annotations

from typing import Any

import numpy as np

import whitediff
from whitediff import Whitened
from whitediff.simulate import MASK_PLANES, simulate

_WARPS = (None, None, None, "bilinear", "lanczos3", "bicubic")
_GAPS = 1 << 8


def right_set(seed: int) -> tuple[str, Whitened]:
    """Whiten one of many: what it has, in words, and the result, not yet judged.

    Of any odd shape, kernels that vary, both directions, stars from few to many, transients, a
    saturated star, dead pixels, slopes, gaps, waves of the sky, inputs that are warped or coadded,
    differences that were scaled, and those of which nothing else is known.
    """
    rng = np.random.default_rng([seed, 14])
    warp = _WARPS[rng.integers(len(_WARPS))]
    coadd = int(rng.choice([1, 1, 3]))
    options: dict[str, Any] = {
        "convolved": ("template", "science")[rng.integers(2)],
        "kernel_sum": float(rng.choice([1.0, 0.4, 2.5])),
        "variance_ratio": float(rng.choice([0.3, 1.0, 3.0])),
        ("template_warp", "science_warp")[rng.integers(2)]: warp,
        "coadd": coadd,
        "ripple": float(rng.choice([0.0, 0.0, 0.5])),
        "pixels_a_star": int(rng.choice([800, 2500, 10000])),
    }
    height, width = (int(side) for side in 2 * rng.integers(190, 370, 2) + 1)
    pair = simulate((height, width), seed=seed, **options)
    difference = pair.difference.copy()
    slope_y, slope_x = rng.choice([0.0, 30.0, 200.0]) * rng.normal(size=2)
    y, x = (np.linspace(-1, 1, size) for size in (height, width))
    difference += (slope_y * y[:, np.newaxis] + slope_x * x).astype(np.float32)
    told: dict[str, Any] = {}
    if rng.random() < 0.3:
        factor = float(rng.choice([-1.0, 0.1, 7.0]))
        middle = [np.array([(size - 1) / 2]) for size in (width, height)]
        usual = 1.0 if pair.convolved == "template" else 1 / pair.kernel.evaluate(*middle).sum()
        difference *= np.float32(factor)
        told = {"scale": factor * float(usual)}
    mask = pair.difference_mask.copy()
    if rng.random() < 0.5:
        top, left = rng.integers(0, height // 2), rng.integers(0, width // 2)
        difference[top : top + height // 5, left : left + width // 3] = np.nan
        column = rng.integers(0, width - 12)
        difference[:, column : column + 9] = 1e4
        mask[:, column : column + 9] |= _GAPS
    words = ", ".join(f"{name} {value}" for name, value in {**options, **told}.items() if value)
    common: dict[str, Any] = {
        "mask": mask,
        "ignore_mask": sum(1 << bit for bit in MASK_PLANES.values()),
        "no_value_mask": _GAPS,
        "psf": pair.difference_psf,
    }
    if rng.random() < 0.1:
        return f"{height} x {width}, blind, {words}", whitediff.whiten(difference, **common)
    result = whitediff.decorrelate(
        difference,
        pair.science_variance,
        pair.template_variance,
        pair.kernel,
        convolved=pair.convolved,
        science_mask=pair.science_mask,
        template_mask=pair.template_mask,
        images=(pair.science, pair.template),
        covariance="auto",
        **common,
        **told,
    )
    return f"{height} x {width}, {words}", result
