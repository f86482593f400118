"""Files of lsst-images, in all of its formats, where exposures and kernels are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

images: Any = pytest.importorskip("lsst.images", reason="lsst-images is not installed")

from visits import SHAPE, VisitImages, simulation, visit

from command_line import fail, succeed
from whitediff.io import read_exposure, read_kernel
from whitediff.io.lsst_exposure import exposure_of
from whitediff.pipeline import decorrelate

FORMATS = ["fits", "json", "sdf"]
NAMES = dict(zip(("science", "template", "difference"), VisitImages._fields, strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images of a detector in each format, and the difference after whitening."""
    path = tmp_path_factory.mktemp("archives")
    made = visit()
    white = decorrelate(made[2], made[0], made[1])
    for suffix in FORMATS:
        for name, field in NAMES.items():
            getattr(made, field).write(str(path / f"{name}.{suffix}"))
        white.write(str(path / f"white.{suffix}"))
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_exposures_are_those_of_memory(folder: Path, suffix: str) -> None:
    expected = exposure_of(visit().difference_image_predetection)
    found = read_exposure(folder / f"difference.{suffix}")
    assert found.variance is not None and expected.variance is not None
    np.testing.assert_array_equal(found.image.array, expected.image.array)
    np.testing.assert_array_equal(found.variance.array, expected.variance.array)
    np.testing.assert_array_equal(found.mask.array, expected.mask.array)
    assert found.mask.getMaskPlaneDict() == expected.mask.getMaskPlaneDict()
    assert found.getBBox() == expected.getBBox()
    assert found.metadata["BUNIT"] == "electron"
    np.testing.assert_array_equal(
        found.psf.computeKernelImage((30.0, 40.0)).array,
        expected.psf.computeKernelImage((30.0, 40.0)).array,
    )
    assert found.wcs is not None and expected.wcs is not None
    ours, theirs = (each.wcs.pixel_to_world(100.5, 20.0) for each in (found, expected))
    assert ours.separation(theirs).arcsec < 1e-6  # rounding of degrees in double precision


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_command_whitens_them(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, suffix: str
) -> None:
    succeed(
        capsys,
        "decorrelate",
        *(f"--{name}={folder / name}.{suffix}" for name in NAMES),
        *(f"--kernel={folder}/difference.{suffix}", "-o", tmp_path / "white.fits"),
    )
    white = read_exposure(tmp_path / "white.fits")
    made = visit()
    expected = decorrelate(made[2], made[0], made[1])
    np.testing.assert_array_equal(white.image.array, expected.image.array)
    assert white.variance is not None
    np.testing.assert_array_equal(white.variance.array, expected.variance.array)
    assert white.metadata["WDCONV"] == "template"
    assert white.psf is not None


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_command_refuses_what_the_task_has_whitened(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, suffix: str
) -> None:
    message = fail(
        capsys,
        "decorrelate",
        *(f"--science={folder}/science.{suffix}", f"--template={folder}/template.{suffix}"),
        *(f"--difference={folder}/white.{suffix}", f"--kernel={folder}/difference.{suffix}"),
        *("-o", tmp_path / "white.fits"),
    )
    assert "has been whitened already" in message


@pytest.mark.parametrize("suffix", FORMATS)
def test_check_reads_them(capsys: pytest.CaptureFixture[str], folder: Path, suffix: str) -> None:
    table = succeed(capsys, "check", folder / f"difference.{suffix}", folder / f"white.{suffix}")
    (line,) = (line for line in table.splitlines() if "x lag 1 " in line)
    before, after = line.split("│")[2:4]
    assert "*" in before and "*" not in after


@pytest.mark.parametrize("suffix", FORMATS)
def test_kernels_of_difference_images(folder: Path, suffix: str) -> None:
    found = read_kernel(folder / f"difference.{suffix}")
    truth = simulation().kernel
    x, y = np.array([0.0, SHAPE[1]]), np.array([SHAPE[0], 3.0])
    assert found.convolved == "template"
    # Polynomials in another basis: rounding of double precision.
    np.testing.assert_allclose(found.kernel.evaluate(x, y), truth.evaluate(x, y), atol=1e-12)


def test_files_without_what_is_looked_for(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a kernel, got a VisitImage"):
        read_kernel(folder / "science.sdf")
    visit().visit_image.image.write(str(tmp_path / "image.json"))
    with pytest.raises(ValueError, match="expected an image with mask and variance, got a Image"):
        read_exposure(tmp_path / "image.json")


def test_damaged_files(folder: Path, tmp_path: Path) -> None:
    for suffix in ("json", "sdf"):
        whole = (folder / f"science.{suffix}").read_bytes()
        path = tmp_path / f"cut.{suffix}"
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(OSError, match=f"cut.{suffix}"):
            read_exposure(path)
    with pytest.raises(FileNotFoundError):
        read_exposure(tmp_path / "none.sdf")


def test_a_mask_in_several_extensions(tmp_path: Path) -> None:
    names = [f"PLANE_{n}" for n in range(40)]
    schema = images.MaskSchema([images.MaskPlane(name, "") for name in names])
    image = images.MaskedImage(images.Image(np.zeros((8, 9), np.float32)), mask_schema=schema)
    image.write(str(tmp_path / "many.fits"))
    with pytest.raises(ValueError, match="at most 31 planes"):
        read_exposure(tmp_path / "many.fits")
