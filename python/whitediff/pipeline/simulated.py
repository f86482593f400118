"""Simulated visits as the images of lsst.images that a pipeline would find."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import astropy.units as u
import numpy as np
from astro_metadata_translator import ObservationInfo
from astropy.wcs import WCS
from lsst.images import (
    Box,
    DetectorFrame,
    DifferenceImage,
    Image,
    SkyProjection,
    VisitImage,
    get_legacy_difference_image_mask_planes,
)
from lsst.images.cameras import (
    CameraFrameSetSerializationModel,
    Detector,
    DetectorAttributes,
    DetectorType,
    Orientation,
)
from numpy.typing import NDArray
from starlink import Ast

from ..exposure import Mask
from ..psf import psf_on_grid
from ..simulate import MASK_PLANES, Simulation
from .kernels import lsst_kernel
from .masks import lsst_mask
from .psfs import piff_psf

__all__ = ["BAND", "FILTER", "INSTRUMENT", "VisitImages", "visit_images"]

INSTRUMENT, BAND, FILTER = "Simulated", "r", "r_simulated"

_PIXEL_SCALE = 0.2  # arcseconds
_PIXEL_SIZE = 0.01  # millimetres
_FOCAL_LENGTH = _PIXEL_SIZE / np.radians(_PIXEL_SCALE / 3600)
# Detectors stand side by side with as many pixels between them.
_GAP = 100
_SKY = (150.1, 2.2)  # degrees


class VisitImages(NamedTuple):
    """What the steps before whitening leave of a detector in a visit."""

    visit_image: VisitImage
    template_detector: DifferenceImage
    difference_image_predetection: DifferenceImage


def visit_images(
    simulation: Simulation, visit: int, detector: int, detectors: Iterable[int]
) -> VisitImages:
    """Give the images of a detector in a visit.

    Parameters
    ----------
    simulation : Simulation
        Its pixels.
    visit, detector : int
        What they are called.
    detectors : iterable of int
        All detectors of the camera.
    """
    height, width = simulation.science.shape
    box = Box.from_shape((height, width))
    described = {
        "obs_info": ObservationInfo(
            instrument=INSTRUMENT,
            physical_filter=FILTER,
            visit_id=visit,
            exposure_id=visit,
            detector_num=detector,
        ),
        "detector": _detector(visit, detector, detectors, box),
        "sky_projection": _projection(visit, detector, box),
        "band": BAND,
    }

    def planes(name: str) -> dict[str, Any]:
        psf = psf_on_grid(getattr(simulation, f"{name}_psf"), (height, width))
        return described | {
            "mask": lsst_mask(*_mask(getattr(simulation, f"{name}_mask"))),
            "psf": piff_psf(psf, box).psf,
        }

    def image(pixels: NDArray[np.float32], unit: u.UnitBase = u.electron) -> Image:
        return Image(pixels.copy(), unit=unit)

    science, template = (
        image(getattr(simulation, f"{name}_variance"), u.electron**2)
        for name in ("science", "template")
    )
    # The noise of a matched template is left out, as the pipelines of Rubin do.
    total = image(simulation.science_variance + simulation.template_variance, u.electron**2)
    return VisitImages(
        VisitImage(image(simulation.science), variance=science, **planes("science")),
        DifferenceImage(image(simulation.template), variance=template, **planes("template")),
        DifferenceImage(
            image(simulation.difference),
            variance=total,
            kernel=lsst_kernel(simulation.kernel, box),
            **planes("difference"),
        ),
    )


def _mask(bits: NDArray[np.int32]) -> tuple[Mask, dict[str, str]]:
    """A mask with the planes of a difference image, and what they mean."""
    planes = get_legacy_difference_image_mask_planes()
    numbers = {plane.name: bit for bit, plane in enumerate(planes.values())}
    mask = Mask(np.zeros(bits.shape, np.int32), planes=numbers)
    for name, bit in MASK_PLANES.items():
        mask.array[(bits & (1 << bit)) != 0] |= 1 << numbers[planes[name].name]
    return mask, {plane.name: plane.description for plane in planes.values()}


def _projection(visit: int, detector: int, box: Box) -> SkyProjection[DetectorFrame]:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cdelt = [-_PIXEL_SCALE / 3600, _PIXEL_SCALE / 3600]
    wcs.wcs.crval = _SKY
    wcs.wcs.crpix = [1 - detector * (box.x.size + _GAP), 1]
    frame = DetectorFrame(instrument=INSTRUMENT, visit=visit, detector=detector, bbox=box)
    return SkyProjection.from_fits_wcs(wcs, frame, pixel_bounds=box)


def _detector(visit: int, detector: int, detectors: Iterable[int], box: Box) -> Detector:
    frames = Ast.FrameSet(Ast.Frame(2, "Ident=FOCAL_PLANE,Unit(1)=mm,Unit(2)=mm"))
    to_angles = Ast.ZoomMap(2, 1 / _FOCAL_LENGTH)
    frames.addframe(1, to_angles, Ast.Frame(2, "Ident=FIELD_ANGLE,Unit(1)=rad,Unit(2)=rad"))
    for number in detectors:
        frame = Ast.Frame(2, f"Ident=DETECTOR_{number:03d}")
        for axis, interval in ((1, box.x), (2, box.y)):
            frame.set(f"Bottom({axis})={interval.start},Top({axis})={interval.stop}")
        to_pixels = Ast.CmpMap(
            Ast.ZoomMap(2, 1 / _PIXEL_SIZE),
            Ast.ShiftMap([-number * (box.x.size + _GAP), 0]),
            True,
        )
        frames.addframe(1, to_pixels, frame)
    camera = CameraFrameSetSerializationModel(instrument=INSTRUMENT, ast=str(frames))
    attributes = DetectorAttributes(
        name=detector_name(detector),
        id=detector,
        type=DetectorType.SCIENCE,
        serial=f"simulated-{detector}",
        bbox=box,
        orientation=Orientation(
            focal_plane_x=_PIXEL_SIZE * (detector * (box.x.size + _GAP) + box.x.center),
            focal_plane_y=_PIXEL_SIZE * box.y.center,
            focal_plane_z=0.0,
        ),
        pixel_size=_PIXEL_SIZE,
        physical_type="simulated",
    )
    return Detector(attributes, [], camera.deserialize(None), visit=visit)


def detector_name(detector: int) -> str:
    """Name of a detector."""
    return f"S{detector:02d}"
