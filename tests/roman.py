"""Files of Roman, laid out as its schemas wfi_image and wfi_mosaic say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

TAGS = "asdf://stsci.edu/datamodels/roman/tags/"


def write_roman(
    path: Path,
    *,
    compression: str | None = "lz4",
    wcs: Any = None,
    kind: str = "wfi_image-1.8.0",
    **planes: Any,
):
    """An exposure of level 2; errors are of half precision, as the mission's are."""
    import asdf
    from asdf.tagged import TaggedDict

    meta = {
        "telescope": "ROMAN",
        "instrument": {"name": "WFI", "detector": "WFI01", "optical_element": "F158"},
        "wcs": wcs,
    }
    tree = {"roman": TaggedDict({"meta": meta, **planes}, TAGS + kind)}
    asdf.AsdfFile(tree).write_to(
        path, all_array_compression=compression, all_array_storage="internal"
    )
    return path


def write_mosaic(path: Path, image: Any, sigma: Any, **more: Any):
    """A mosaic of level 3 (coadd): no flags, but weights, and which exposures are in each pixel."""
    names = "weight", "var_poisson", "var_rnoise", "var_flat", "var_sky"
    planes = {name: np.ones(image.shape, np.float32) for name in names}
    planes["context"] = np.ones((2, *image.shape), np.uint32)
    planes |= {"data": image.astype(np.float32), "err": sigma.astype(np.float32)} | more
    return write_roman(path, kind="wfi_mosaic-1.3.0", **planes)


def mosaic_wcs(*, is_fits: bool) -> Any:
    """A cell of a tangential plane whose middle is far away, in both ways of romancal."""
    from astropy import coordinates
    from astropy import units as u
    from astropy.modeling import models
    from gwcs import WCS, fitswcs
    from gwcs import coordinate_frames as frames

    x, y, scale, turn = 20000.5, -7000.5, 0.055 / 3600, np.deg2rad(20)
    matrix = np.array([[-np.cos(turn), np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    if is_fits:
        to_sky = fitswcs.FITSImagingWCSTransform(
            models.Pix2Sky_TAN(), crpix=[x, y], crval=[30, -20], cdelt=[scale] * 2, pc=matrix
        )
    else:
        to_sky = (
            (models.Shift(-x) & models.Shift(-y))
            | models.AffineTransformation2D(matrix)
            | (models.Scale(scale) & models.Scale(scale))
            | models.Pix2Sky_TAN()
            | models.RotateNative2Celestial(30, -20, 180)
        )
    pixels = frames.Frame2D(name="detector", axes_names=("x", "y"), unit=(u.pix, u.pix))
    sky = frames.CelestialFrame(
        reference_frame=coordinates.ICRS(), name="icrs", unit=(u.deg, u.deg)
    )
    return WCS([(pixels, to_sky), (sky, None)])


def roman_wcs(shape: tuple[int, int], quadratic: float) -> Any:
    """A WCS of gwcs: a distortion in pixels, then a tangential plane of 0.11 arcsec a pixel."""
    from astropy import coordinates
    from astropy import units as u
    from astropy.modeling import models
    from gwcs import WCS
    from gwcs import coordinate_frames as frames

    height, width = shape
    shift = models.Shift(-width / 2) & models.Shift(-height / 2)
    bent = models.Polynomial2D(2, c1_0=1.0, c2_0=quadratic, c1_1=-quadratic)
    straight = models.Polynomial2D(2, c0_1=1.0)
    distorted = models.Mapping((0, 1, 0, 1)) | (bent & straight)
    scale = models.Scale(0.11 / 3600) & models.Scale(0.11 / 3600)
    to_sky = models.Pix2Sky_TAN() | models.RotateNative2Celestial(30.0, -20.0, 180.0)
    pixels = frames.Frame2D(name="detector", axes_order=(0, 1), unit=(u.pix, u.pix))
    sky = frames.CelestialFrame(reference_frame=coordinates.ICRS(), name="icrs")
    return WCS([(pixels, shift | distorted | scale | to_sky), (sky, None)])


def half(values: Any) -> Any:
    return np.asarray(values, np.float16)
