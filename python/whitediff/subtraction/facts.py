"""A whitened image and what is known of how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import Whitened, Whitening
from ..exposure import Exposure
from ..psf import CellPsf, KernelPsf

__all__ = ["Outcome", "facts_of", "outcome_of_function", "psf_of"]


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
    exposure = Exposure(
        image=result.image,
        mask=difference.mask,
        variance=result.variance,
        psf=psf_of(result, difference.getXY0()),
        wcs=difference.wcs,
        xy0=difference.getXY0(),
    )
    return Outcome(exposure, facts_of(result), result)


def psf_of(result: Whitening, xy0: Any) -> KernelPsf | CellPsf | None:
    """PSF of a whitened image whose pixel [0, 0] is at `xy0`."""
    if result.psf is None:
        return None
    centers = result.cells.centers
    if len(centers) == 1:
        return KernelPsf(result.psf[0], centers[0])
    return CellPsf(result.psf, result.cells.boxes + (*xy0, *xy0), centers)


def facts_of(result: Whitening) -> dict[str, Any]:
    """Facts of an `Outcome`."""
    science, template = np.nanmean(result.cells.variances, axis=0)
    return {
        "scienceVariance": float(science),
        "templateVariance": float(template),
        "nCells": len(result.cells),
        "nFilters": len(result.cells.centers),
        "border": result.border,
        "clippedModes": result.clipped_modes,
        "nThreads": result.n_threads,
    }
