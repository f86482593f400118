"""The PSF of a whitened image as lsst.afw exposures hold it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from whitediff.psf import CellPsf

__all__ = ["foreign_psf"]


def foreign_psf(psf: CellPsf, exposure: Any) -> Any:
    """Give a PSF that an exposure of another package can hold.

    Parameters
    ----------
    psf : CellPsf
        The PSF.
    exposure : Exposure
        The exposure that is to hold it.

    Returns
    -------
    psf : Psf
        For an lsst.afw exposure with a WCS a ``CoaddPsf`` of the cells, which can be written to a
        file; for one without, the ``KernelPsf`` at the average position. For any other exposure
        the PSF as it is.
    """
    if not type(exposure).__module__.startswith("lsst.afw."):
        return psf
    algorithms = import_module("lsst.meas.algorithms")
    wcs = exposure.getWcs()
    if wcs is None:
        return _kernel_psf(psf.computeKernelImage().array, psf.getAveragePosition())
    table = import_module("lsst.afw.table")
    box_type = type(exposure.getBBox())
    schema = table.ExposureTable.makeMinimalSchema()
    schema.addField("weight", type="D", doc="Weight of the cell where several overlap")
    catalog = table.ExposureCatalog(schema)
    for index in range(psf.getComponentCount()):
        record = catalog.addNew()
        record.setId(index)
        record["weight"] = 1.0
        record.setBBox(_box(psf.boxes[index], exposure, box_type))
        record.setPsf(_kernel_psf(psf.images[index], psf.positions[index]))
        record.setWcs(wcs)
    return algorithms.CoaddPsf(catalog, wcs, "weight")


def _box(limits: Any, exposure: Any, box_type: Any) -> Any:
    box = exposure.getBBox()
    x0, y0, x1, y1 = (int(limit) for limit in limits)
    point, extent = type(box.getMin()), type(box.getDimensions())
    return box_type(point(x0, y0), extent(x1 - x0, y1 - y0))


def _kernel_psf(image: Any, position: Any) -> Any:
    geometry, afw_image, math, algorithms = (
        import_module(f"lsst.{name}")
        for name in ("geom", "afw.image", "afw.math", "meas.algorithms")
    )
    pixels = afw_image.ImageD(image.shape[1], image.shape[0])
    pixels.array[...] = image
    x, y = (float(coordinate) for coordinate in position)
    return algorithms.KernelPsf(math.FixedKernel(pixels), geometry.Point2D(x, y))
