"""Images of lsst.images as exposures, and masks back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

images: Any = pytest.importorskip("lsst.images", reason="lsst-images is not installed")

from visits import visit

from whitediff.exposure import DEFAULT_MASK_PLANES, Mask
from whitediff.io.lsst_exposure import exposure_of
from whitediff.pipeline.masks import lsst_mask


def masked(mask: Any) -> Any:
    pixels = np.zeros(mask.array.shape[:2], np.float32)
    return images.MaskedImage(images.Image(pixels, yx0=mask.bbox.start), mask=mask)


def random_mask(rng: np.random.Generator, planes: list[str | None], dtype: Any) -> Any:
    schema = images.MaskSchema(
        [None if name is None else images.MaskPlane(name, f"{name}!") for name in planes], dtype
    )
    mask = images.Mask(0, schema=schema, shape=(20, 30), yx0=(5, -3))
    for name in schema.names:
        mask.set(name, rng.random((20, 30)) < 0.3)
    return mask


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
@pytest.mark.parametrize("n_planes", [1, 8, 9, 19, 31])
def test_masks_by_name(rng: np.random.Generator, n_planes: int, dtype: Any) -> None:
    names: list[str | None] = [f"PLANE_{n}" for n in range(n_planes)]
    if n_planes > 9:
        names[4] = None
    theirs = random_mask(rng, names, dtype)
    ours = exposure_of(masked(theirs)).mask
    assert list(ours.getMaskPlaneDict()) == list(theirs.schema.names)
    for name in theirs.schema.names:
        bit = ours.getPlaneBitMask(name)
        np.testing.assert_array_equal((ours.array & bit) != 0, theirs.get(name))
    back = lsst_mask(ours, theirs.schema.descriptions)
    assert back.bbox == theirs.bbox
    assert list(back.schema) == list(theirs.schema)
    for name in theirs.schema.names:
        np.testing.assert_array_equal(back.get(name), theirs.get(name))


def test_planes_that_are_set_nowhere_in_a_mask_of_ours() -> None:
    ours = Mask(np.full((4, 5), 1 << 8, np.int32), xy0=(2, 9))
    theirs = lsst_mask(ours, {"BAD": "Do not look at it."})
    assert list(theirs.schema.names) == list(DEFAULT_MASK_PLANES)
    assert theirs.schema.descriptions["BAD"] == "Do not look at it."
    assert (theirs.bbox.x.start, theirs.bbox.y.start) == (2, 9)
    assert theirs.get("NO_DATA").all()
    assert not theirs.get("BAD").any()


def test_a_mask_with_too_many_planes(rng: np.random.Generator) -> None:
    theirs = random_mask(rng, [f"PLANE_{n}" for n in range(32)], np.uint8)
    with pytest.raises(ValueError, match=r"first 31 bits, got PLANE_31 in bit 31"):
        exposure_of(masked(theirs))


def test_a_part_of_an_image_has_its_place_on_the_sky() -> None:
    whole = visit().difference_image_predetection
    box = images.Box.factory[40:100, 30:120]
    part = whole[box]
    exposure = exposure_of(part)
    assert tuple(exposure.getXY0()) == (30, 40)
    assert np.shares_memory(exposure.image.array, whole.image.array)
    assert exposure.variance is not None
    assert np.shares_memory(exposure.variance.array, whole.variance.array)
    assert exposure.metadata["BUNIT"] == "electron"
    saturated = exposure.mask.getPlaneBitMask("SATURATED")
    is_saturated = (exposure.mask.array & saturated) != 0
    np.testing.assert_array_equal(is_saturated, part.mask.get("SATURATED"))
    assert exposure.wcs is not None
    ours = exposure.wcs.pixel_to_world(80.5, 60.25)
    theirs = whole.sky_projection.pixel_to_sky(x=80.5, y=60.25)
    # Both are the same TAN projection: rounding of degrees in double precision.
    assert ours.separation(theirs).arcsec < 1e-6
    image = exposure.getPsf().computeKernelImage((50.0, 70.0)).array
    np.testing.assert_array_equal(image, part.psf.compute_kernel_image(x=50.0, y=70.0).array)


def test_a_psf_that_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    image = visit().visit_image
    image.psf = images.serialization.ArchiveReadError("no piff here")
    assert exposure_of(image).getPsf() is None
    assert "no piff here" in caplog.text


def test_metadata_that_a_header_can_hold() -> None:
    image = visit().visit_image
    fits = {"NUMBER": 3, "a long name of it": 0.5, "yes": True, "a text": "of any length" * 20}
    rest = {"list": [1, 2], "NAN": np.nan, "greek": "μ"}
    image.metadata.update(fits | rest)
    metadata = exposure_of(image).metadata
    assert {name: metadata.get(name) for name in fits} == fits
    assert not any(name in metadata for name in rest)
    assert metadata.tostring()
