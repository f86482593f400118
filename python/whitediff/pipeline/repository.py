"""A repository with simulated visits, in which everybody can run the pipelines."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from lsst.daf.butler import Butler, Config, DatasetType
from lsst.images import VisitImage
from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d

from ..simulate import simulate
from .instrument import SimulatedInstrument
from .simulated import FILTER, INSTRUMENT, VisitImages, visit_images

__all__ = ["COLLECTION", "WHITEN", "simulate_repository"]

COLLECTION = "simulated"
"""The run with the images."""

WHITEN = "resource://whitediff/pipeline/pipelines/whiten.yaml"
"""The pipeline that whitens them."""

_KERNEL = "difference_kernel"
_VISIT = 1
_DAY = 20260101
# The defaults of repositories do not tell how the PSF of cells is written.
_CONFIG = {
    "datastore": {
        "formatters": {
            "CellPointSpreadFunction": {
                "formatter": "lsst.images.formatters.GenericFormatter",
                "parameters": {"format": "json"},
            }
        }
    }
}


def simulate_repository(
    root: str | os.PathLike[str], shape: tuple[int, int], *, seed: int = 0
) -> None:
    """Make a repository with a visit of two detectors, up to the differences to be whitened.

    Parameters
    ----------
    root : path-like
        Its directory, which must not be a repository.
    shape : tuple [int, int]
        Height and width of the detectors in pixels.
    seed : int, optional
        Equal seeds give equal images.

    Raises
    ------
    FileExistsError
        If there is a repository.
    """
    config = Butler.makeRepo(os.fspath(root), config=Config(_CONFIG))
    instrument = SimulatedInstrument()
    images = {
        detector: visit_images(
            simulate(shape, seed=seed + detector), _VISIT, detector, instrument.detectors
        )
        for detector in instrument.detectors
    }
    with Butler.from_config(config, run=COLLECTION) as butler:
        instrument.register(butler.registry)
        _insert_visit(butler, images)
        dimensions = butler.dimensions.conform(("instrument", "visit", "detector"))
        for name in VisitImages._fields:
            kind = "VisitImage" if name == "visit_image" else "DifferenceImage"
            butler.registry.registerDatasetType(DatasetType(name, dimensions, kind))
        butler.registry.registerDatasetType(DatasetType(_KERNEL, dimensions, "ConvolutionKernel"))
        for detector, of_detector in images.items():
            data_id = {"instrument": INSTRUMENT, "visit": _VISIT, "detector": detector}
            for name, image in of_detector._asdict().items():
                butler.put(image, name, data_id)
            butler.put(of_detector.difference_image_predetection.kernel, _KERNEL, data_id)


def _insert_visit(butler: Butler, images: dict[int, VisitImages]) -> None:
    day = {"instrument": INSTRUMENT, "id": _DAY}
    corners = {detector: list(_corners(each.visit_image)) for detector, each in images.items()}
    visit = {
        "instrument": INSTRUMENT,
        "id": _VISIT,
        "name": f"{INSTRUMENT}-{_VISIT}",
        "physical_filter": FILTER,
        "day_obs": _DAY,
        "region": _region(corner for each in corners.values() for corner in each),
    }
    butler.registry.insertDimensionData("day_obs", day)
    butler.registry.insertDimensionData("visit", visit)
    for detector, each in corners.items():
        record = {
            "instrument": INSTRUMENT,
            "visit": _VISIT,
            "detector": detector,
            "region": _region(each),
        }
        butler.registry.insertDimensionData("visit_detector_region", record)


def _corners(image: VisitImage) -> Iterator[UnitVector3d]:
    x, y = image.bbox.x, image.bbox.y
    for column in (x.start, x.stop):
        for row in (y.start, y.stop):
            sky = image.sky_projection.pixel_to_sky(x=column - 0.5, y=row - 0.5)
            yield UnitVector3d(LonLat.fromDegrees(sky.ra.deg, sky.dec.deg))


def _region(corners: Iterable[UnitVector3d]) -> ConvexPolygon:
    return ConvexPolygon(list(corners))
