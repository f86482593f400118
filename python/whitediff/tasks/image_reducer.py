"""How results for the cells of an exposure become one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from lsst.pex.config import ChoiceField, Config, ListField
from numpy.typing import NDArray

from ..adapters.afw import derives_from, psf_for
from .coadd_psf import coadd_psf
from .held_psf import hold_psf
from .struct import Struct
from .task import Task

__all__ = ["PIXEL_OPERATIONS", "ImageReducer", "ImageReducerConfig"]

PIXEL_OPERATIONS = ("copy", "sum", "average")
"""The choices of `ImageReducerConfig.reduceOperation` that result in an exposure."""


class ImageReducerConfig(Config):
    """Configuration of `ImageReducer`."""

    reduceOperation = ChoiceField[str](
        doc="How the results for the cells are put together.",
        default="average",
        allowed={
            "none": "return the list of results as it is",
            "copy": "copy pixels to their place; where cells overlap, the last one stays",
            "sum": "add up the pixels of overlapping cells",
            "average": "take the mean of the pixels of overlapping cells",
            "coaddPsf": "make one PSF of the PSFs of the cells",
        },
    )
    badMaskPlanes = ListField[str](
        doc="Mask planes to set where a pixel has no valid value.",
        default=["INVALID_MAPREDUCE", "BAD", "NO_DATA"],
    )


class ImageReducer(Task):
    """Put together what an `ImageMapper` returned for each cell."""

    ConfigClass = ImageReducerConfig
    _DefaultName = "ip_diffim_ImageReducer"

    def run(self, mapperResults: Sequence[Struct], exposure: Any, **kwargs: Any) -> Struct:
        """Reduce the results for all cells.

        Parameters
        ----------
        mapperResults : sequence of Struct
            What the mapper returned, cell by cell.
        exposure : Exposure
            The exposure that the cells were cut from; it is not modified.
        **kwargs : object
            What else `ImageMapReduceTask.run` was given; not used here.

        Returns
        -------
        result : Struct
            For operations on pixels ``exposure``, a new exposure, and ``mapperResults``. NaN in
            a cell counts as no value; the variance counts the cells that the image counts. Pixels
            left with no value in image or variance are NaN there, with `badMaskPlanes` set. The
            PSF is made of those of the cells. For ``none`` and ``coaddPsf``: ``result``, which is
            `mapperResults` or a PSF that the exposure can hold.

        Raises
        ------
        TypeError
            If a result holds no exposure, or pixels are not of a floating-point type.
        ValueError
            If a cell lies outside of the exposure.
        """
        operation = self.config.reduceOperation
        if operation == "none":
            return Struct(result=mapperResults)
        if operation == "coaddPsf":
            return Struct(result=self._constructPsf(mapperResults, exposure))
        subExposures = [_sub_exposure(result, exposure) for result in mapperResults]
        return Struct(exposure=self._combined(subExposures, exposure), mapperResults=mapperResults)

    def flagInvalid(self, exposure: Any) -> None:
        """Set the `badMaskPlanes` of pixels whose image or variance is NaN, in place.

        Parameters
        ----------
        exposure : Exposure
            The exposure to flag. Planes that its mask does not have are added.
        """
        invalid = np.zeros(exposure.image.array.shape, dtype=bool)
        for plane in _planes(exposure):
            invalid |= np.isnan(plane.array)
        for plane in self.config.badMaskPlanes:
            exposure.mask.addMaskPlane(plane)
        exposure.mask.array[invalid] |= exposure.mask.getPlaneBitMask(
            list(self.config.badMaskPlanes)
        )
        self.metadata["nInvalidPixels"] = np.count_nonzero(invalid)

    def _combined(self, subExposures: Sequence[Any], exposure: Any) -> Any:
        result = exposure.clone()
        places = [_slices(sub.getBBox(), exposure.getBBox()) for sub in subExposures]
        counted = [~np.isnan(sub.image.array) for sub in subExposures]
        overlap = _combine(
            result.image.array,
            places,
            [sub.image.array for sub in subExposures],
            counted,
            self.config.reduceOperation,
        )
        self.log.debug("From %d to %d cells at a pixel.", overlap.min(), overlap.max())
        if result.variance is not None:
            variances = [sub.variance.array for sub in subExposures]
            # Those of the cells that the image counts; of all, where it counts none.
            known = [
                ~np.isnan(variance) & (where | (overlap[place] == 0))
                for place, variance, where in zip(places, variances, counted, strict=True)
            ]
            _combine(result.variance.array, places, variances, known, self.config.reduceOperation)
        for place, sub in zip(places, subExposures, strict=True):
            _merge_mask(result.mask, place, sub.mask)
        self.flagInvalid(result)
        self._setPsf(result, subExposures)
        return result

    def _setPsf(self, result: Any, subExposures: Sequence[Any]) -> None:
        """Give the result a PSF made of those of the cells, unless they are all its own.

        Sums and averages of lsst.afw have a CoaddPsf then too, as with lsst.ip.diffim.
        """
        psfs = [sub.getPsf() for sub in subExposures]
        coadded = self.config.reduceOperation != "copy" and derives_from("lsst.afw", result)
        own = result.getPsf()
        if all(psf is own for psf in psfs) and (own is None or not coadded):
            return
        if any(psf is None for psf in psfs):
            self.log.warning("Some cells have no PSF, so the result has none.")
            result.setPsf(None)
            return
        try:
            psf = coadd_psf(psfs, [sub.getBBox() for sub in subExposures])
        except ValueError as error:
            # An image without a PSF is better than none.
            self.log.warning("The PSF of a cell is not known, so the result has none: %s", error)
            psf = None
        hold_psf(result, psf)

    def _constructPsf(self, mapperResults: Sequence[Struct], exposure: Any) -> Any:
        """Make one PSF of those of the cells.

        Parameters
        ----------
        mapperResults : sequence of Struct
            What the mapper returned: ``subExposure``, or ``psf`` and ``bbox``.
        exposure : Exposure
            What is to hold the PSF.

        Returns
        -------
        psf : Psf
            A PSF that the exposure can hold: see `whitediff.adapters.afw.psf_for`.

        Raises
        ------
        TypeError
            If a result has no PSF or no box.
        ValueError
            If the PSF of a cell is known nowhere.
        """
        psfs, boxes = zip(*(_psf_and_box(result) for result in mapperResults), strict=True)
        return psf_for(exposure, coadd_psf(psfs, boxes))


def _combine(
    target: NDArray[Any],
    places: Sequence[tuple[slice, slice]],
    patches: Sequence[NDArray[Any]],
    valid: Sequence[NDArray[np.bool_]],
    operation: str,
) -> NDArray[np.uint16]:
    """Combine patches into an array [y, x], in place; return the number of valid values."""
    if not np.issubdtype(target.dtype, np.floating):
        raise TypeError(f"pixels must be of a floating-point type to be NaN, got {target.dtype}")
    target[...] = 0.0
    overlap = np.zeros(target.shape, dtype=np.uint16)
    for place, patch, where in zip(places, patches, valid, strict=True):
        if operation == "copy":
            np.copyto(target[place], patch, where=where)
        else:
            np.add(target[place], patch, out=target[place], where=where)
        overlap[place] += where
    if operation == "average":
        np.divide(target, overlap, out=target, where=overlap > 0)
    target[overlap == 0] = np.nan
    return overlap


def _planes(exposure: Any) -> list[Any]:
    """Return the image and, where it is known, the variance."""
    return [plane for plane in (exposure.image, exposure.variance) if plane is not None]


def _merge_mask(mask: Any, place: tuple[slice, slice], patch: Any) -> None:
    """Add the bits of a patch to a mask, by name: a mapper may have added planes of its own."""
    moves = [(bit, mask.addMaskPlane(name)) for name, bit in patch.getMaskPlaneDict().items()]
    if all(bit == new for bit, new in moves):
        mask.array[place] |= patch.array
        return
    for bit, new in moves:
        mask.array[place] |= ((patch.array >> bit) & 1) << new


def _slices(box: Any, fullBBox: Any) -> tuple[slice, slice]:
    """Return the slices [y, x] of a box in the array of the exposure that contains it."""
    x0 = box.getMinX() - fullBBox.getMinX()
    y0 = box.getMinY() - fullBBox.getMinY()
    return slice(y0, y0 + box.getHeight()), slice(x0, x0 + box.getWidth())


def _sub_exposure(result: Any, exposure: Any) -> Any:
    """Return the exposure in the result for a cell, which must lie in the whole one."""
    sub: Any = getattr(result, "subExposure", None)
    if not all(hasattr(sub, name) for name in ("image", "mask", "variance", "getBBox", "getPsf")):
        raise TypeError(
            "mapper must return an exposure as subExposure, unless reduceOperation is 'none', "
            f"got {type(sub).__name__}"
        )
    if not exposure.getBBox().contains(sub.getBBox()):
        raise ValueError(
            f"subExposure must lie in the exposure, {exposure.getBBox()}, got {sub.getBBox()}"
        )
    return sub


def _psf_and_box(result: Struct) -> tuple[Any, Any]:
    sub: Any = getattr(result, "subExposure", None)
    if sub is None:
        psf, box = getattr(result, "psf", None), getattr(result, "bbox", None)
    else:
        psf, box = sub.getPsf(), sub.getBBox()
    if psf is None or box is None:
        raise TypeError(
            "mapper must return psf and bbox, or a subExposure with a PSF, for coaddPsf, got "
            f"{result}"
        )
    return psf, box
