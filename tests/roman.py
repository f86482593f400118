"""Files of Roman, laid out as its schemas wfi_image and wfi_mosaic say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

TAG = "asdf://stsci.edu/datamodels/roman/tags/wfi_image-1.8.0"


def write_roman(path: Path, *, compression: str | None = "lz4", wcs: Any = None, **planes: Any):
    """An exposure of level 2; errors are of half precision, as the mission's are."""
    import asdf
    from asdf.tagged import TaggedDict

    meta = {
        "telescope": "ROMAN",
        "instrument": {"name": "WFI", "detector": "WFI01", "optical_element": "F158"},
        "wcs": wcs,
    }
    tree = {"roman": TaggedDict({"meta": meta, **planes}, TAG)}
    asdf.AsdfFile(tree).write_to(
        path, all_array_compression=compression, all_array_storage="internal"
    )
    return path


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
