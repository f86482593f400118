"""A difference before and after whitening, as each is looked for point sources in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..io.exposure_rows import ExposureRows
from ..io.point_sources import open_point_sources
from ..io.rows import Rows
from ..sky import measured_sky
from ..subtraction import WhitenedFile
from ..subtraction.catalogue import NEAR, mask_flags
from ..subtraction.files import Subtraction
from ..subtraction.masks import FILTER_EDGE, left_out_rows, plane_bits
from ..subtraction.psf import input_psf
from ..variance_map import VarianceMap
from .alarms import Found, found_in
from .significance import MatchedFilter, ScorePlanes, Significance, psf_or_gaussian
from .survey import Survey

__all__ = ["Look", "flags_of", "looks", "psf_in_middle", "usable_area"]

_BAND = 512


@dataclass(frozen=True)
class Look:
    """An image as it is looked for point sources in.

    Attributes
    ----------
    significance : Significance
        Planes, part by part.
    found : Found
        What was found.
    how : str
        Where its variances come from, in words.
    """

    significance: Significance
    found: Found
    how: str


@contextmanager
def looks(
    whitened: WhitenedFile,
    subtraction: Subtraction,
    after: ExposureRows,
    noise: Mapping[str, Survey],
) -> Iterator[dict[str, Look]]:
    """Find point sources in the images "before" and "after", which stay open.

    A difference that was correlated with a PSF before the subtraction is not looked at: there is no
    "before" then.

    Parameters
    ----------
    whitened : WhitenedFile
        What was done.
    subtraction : Subtraction
        What it was done to.
    after : ExposureRows
        The result.
    noise : mapping of str to Survey
        Noise over the final variance plane, "before" and "after", if it was measured.
    """
    job = whitened.job
    images: dict[str, tuple[Significance, str]] = {}
    with ExitStack() as files:
        if not job.preconvolved:
            images["before"] = _before(whitened, subtraction, after, noise)
        if job.options.mode == "score":
            planes = files.enter_context(open_point_sources(job.output))
            middle = psf_in_middle(after.psf, after)
            images["after"] = ScorePlanes(planes, middle), "from the score image"
        else:
            assert after.variance is not None
            psf_after = psf_or_gaussian(after.psf)
            filtered = MatchedFilter(after.image, after.variance, psf_after, after.xy0)
            images["after"] = filtered, "from the variance plane"
        yield {
            name: Look(
                image,
                found_in(image, after.shape, lambda sources: _is_marked(after, sources)),
                how,
            )
            for name, (image, how) in images.items()
        }


def _before(
    whitened: WhitenedFile,
    subtraction: Subtraction,
    after: ExposureRows,
    noise: Mapping[str, Survey],
) -> tuple[Significance, str]:
    """The difference, with its variance plane or, if it has none, what its pixels scatter."""
    difference = subtraction.difference
    variance, how = difference.variance, "from its variance plane"
    if variance is None:
        how = "as its pixels scatter"
        if "before" in noise and after.variance is not None:
            variance = _scattered(noise["before"], after.variance)
        else:
            number = measured_sky(difference.image, left_out_rows(after, whitened.planes)).variance
            variance = difference.image.map(
                np.float32, lambda pixels: np.full(pixels.shape, number, np.float32)
            )
    psf = psf_or_gaussian(input_psf(whitened.job, subtraction))
    return MatchedFilter(difference.image, variance, psf, difference.xy0), how


def _scattered(before: Survey, plane: Rows) -> Rows:
    """What pixels scatter from place to place, as a part of what a plane says."""
    ratios, _ = before.map("variance")
    ratios[~np.isfinite(ratios)] = before.mean.variance
    smooth = VarianceMap(ratios, plane.shape)

    def read(rows: slice) -> NDArray[np.float32]:
        begin, end, step = rows.indices(plane.shape[0])
        return (plane[rows] * smooth.rows(begin, end, step)).astype(np.float32)

    return Rows(plane.shape, np.float32, read)


def flags_of(after: ExposureRows, sources: NDArray[np.void]) -> dict[str, NDArray[np.bool_]]:
    """Tell what masks say of sources: `mask_flags`, read where the sources are."""
    if after.mask is None or not len(sources):
        return {name: np.zeros(len(sources), bool) for name in ("near_edge", "saturated")}
    y0 = max(0, int(sources["y"].min()) - 2 * NEAR)
    y1 = min(after.shape[0], int(sources["y"].max()) + 2 * NEAR)
    moved = sources.copy()
    moved["y"] -= y0
    return mask_flags(moved, after.mask[y0:y1], after.mask_planes)


def _is_marked(after: ExposureRows, sources: NDArray[np.void]) -> NDArray[np.bool_]:
    return np.asarray(np.any(list(flags_of(after, sources).values()), axis=0))


def usable_area(after: ExposureRows) -> int:
    """Count the pixels that have a value, and no mask that makes sources in them doubtful."""
    bits = plane_bits(after.mask_planes, ["SAT", FILTER_EDGE])
    area = 0
    for y0 in range(0, after.shape[0], _BAND):
        usable = np.isfinite(after.image[y0 : y0 + _BAND])
        if after.mask is not None:
            usable &= (after.mask[y0 : y0 + _BAND] & bits) == 0
        area += int(np.count_nonzero(usable))
    return area


def psf_in_middle(psf: object, exposure: ExposureRows) -> NDArray[np.float64]:
    """Give the image [v, u] of a PSF in the middle of a frame; of a Gaussian if it is None."""
    (height, width), (x0, y0) = exposure.shape, exposure.xy0
    at = np.array([x0 + (width - 1) / 2]), np.array([y0 + (height - 1) / 2])
    image: NDArray[np.float64] = psf_or_gaussian(psf).evaluate(*at)[0]
    return image
