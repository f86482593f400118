"""A whitened image and what is known of how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import Whitened
from ..exposure import Exposure
from ..psf import CellPsf, KernelPsf

__all__ = ["Outcome", "outcome_of_function"]


@dataclass(frozen=True)
class Outcome:
    """A whitened image.

    Attributes
    ----------
    exposure : Exposure
        Placed as the difference is, with its mask.
    facts : mapping of str to scalar
        Under the names that the tasks give them in their metadata: scienceVariance,
        templateVariance, nCells, nFilters, border, clippedModes and nThreads, as far as known.
    whitened : Whitened or None
        The result as arrays, if there is one.
    """

    exposure: Exposure
    facts: Mapping[str, Any]
    whitened: Whitened | None = None


def outcome_of_function(difference: Exposure, result: Whitened) -> Outcome:
    """Give the outcome of `whitediff.decorrelate`.

    Parameters
    ----------
    difference : Exposure
        What was whitened.
    result : Whitened
        The result.
    """
    x0, y0 = difference.getXY0()
    psf: Any = None
    if result.psf is not None:
        centers = result.cells.centers
        if len(centers) == 1:
            psf = KernelPsf(result.psf[0], centers[0])
        else:
            psf = CellPsf(result.psf, result.cells.boxes + (x0, y0, x0, y0), centers)
    exposure = Exposure(
        image=result.image,
        mask=difference.mask,
        variance=result.variance,
        psf=psf,
        wcs=difference.wcs,
        xy0=(x0, y0),
    )
    science, template = np.nanmean(result.cells.variances, axis=0)
    facts = {
        "scienceVariance": float(science),
        "templateVariance": float(template),
        "nCells": len(result.cells),
        "nFilters": len(result.cells.centers),
        "border": result.border,
        "clippedModes": result.clipped_modes,
        "nThreads": result.n_threads,
    }
    return Outcome(exposure, facts, result)
