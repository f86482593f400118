"""Mask planes as lsst-images names them, read without it."""

import json
import sys

import numpy as np
import pytest
from astropy.io import fits

from whitediff.exposure import own_names
from whitediff.io import read_exposure
from whitediff.io.exposure_rows import open_exposure
from whitediff.io.lsst_archive import read_archive
from whitediff.io.reading import ContentError
from whitediff.subtraction.masks import check_planes, plane_bits


@pytest.mark.parametrize(
    ("planes", "own", "expected"),
    [
        (["SAT"], ["BAD", "SATURATED"], ["SATURATED"]),
        (["SATURATED", "CR"], ["SAT", "CR"], ["SAT", "CR"]),
        (["SAT"], ["SATURATED", "SAT"], ["SAT", "SATURATED"]),
        (["EDGE", "DETECTION_EDGE"], ["DETECTION_EDGE"], ["DETECTION_EDGE"]),
        (["SPIKE", "STREAK"], ["BAD", "STREAK"], ["STREAK"]),
    ],
)
def test_old_and_new_names(planes, own, expected):
    assert own_names(planes, own) == expected


def test_planes_of_commands_have_both_names():
    own = {"SATURATED": 1, "BAD": 0}
    assert plane_bits(own, ["SAT", "CR"]) == 0b10
    assert check_planes(["SAT"], [own]) == ["SAT"]
    with pytest.raises(ValueError, match="unknown mask plane 'CR', expected one of BAD, SATURATED"):
        check_planes(["CR"], [own])


def test_named_planes_in_a_file(tmp_path):
    bits = np.arange(12, dtype=np.int32).reshape(3, 4)
    hdus = fits.HDUList(
        [fits.PrimaryHDU(), fits.ImageHDU(np.zeros((3, 4), np.float32), name="IMAGE")]
    )
    hdus.append(fits.ImageHDU(bits, name="MASK"))
    for number, name in ((0, "BAD"), (3, "DETECTION_EDGE")):
        hdus["MASK"].header[f"MSKN{number:04d}"] = name
        hdus["MASK"].header[f"MSKM{number:04d}"] = 1 << number
    hdus.writeto(tmp_path / "image.fits")
    mask = read_exposure(tmp_path / "image.fits").mask
    assert mask.getMaskPlaneDict() == {"BAD": 0, "DETECTION_EDGE": 3}
    np.testing.assert_array_equal(mask.array, bits)


@pytest.mark.parametrize("bit", [2147483647, 64, 31, -1])
def test_a_plane_needs_a_bit_that_masks_have(tmp_path, bit):
    path = tmp_path / "image.fits"
    hdus = fits.HDUList(
        [fits.PrimaryHDU(), fits.ImageHDU(np.zeros((3, 4), np.float32), name="IMAGE")]
    )
    hdus.append(fits.ImageHDU(np.zeros((3, 4), np.int32), name="MASK"))
    hdus["MASK"].header["MP_BAD"] = bit
    hdus.writeto(path)
    with (
        pytest.raises(ContentError, match=rf"image\.fits: .*BAD needs .* 0 to 30, got {bit}"),
        open_exposure(path),
    ):
        pass


def write_archive(path, tree):
    """A FITS file with an image and a tree, as lsst-images writes them."""
    primary = fits.PrimaryHDU()
    primary.header["DATAMODL"] = "https://images.lsst.io/schemas/difference_image-1.2.0"
    text = np.frombuffer(json.dumps(tree).encode(), np.uint8)
    column = fits.Column("JSON", f"{len(text)}B", array=text[None])
    image = fits.ImageHDU(np.zeros((3, 4), np.float32), name="IMAGE")
    table = fits.BinTableHDU.from_columns([column], name="JSON")
    fits.HDUList([primary, image, table]).writeto(path)


@pytest.mark.parametrize("tree", [[], {}, {"metadata": None}, {"metadata": [1]}])
def test_trees_without_metadata(tmp_path, monkeypatch, tree):
    write_archive(tmp_path / "image.fits", tree)
    monkeypatch.setitem(sys.modules, "lsst.images.serialization", None)
    assert read_exposure(tmp_path / "image.fits").image.array.shape == (3, 4)


def test_metadata_and_a_psf_without_its_reader(tmp_path, monkeypatch, caplog):
    write_archive(tmp_path / "image.fits", {"metadata": {"WDVERSN": "0.1", "list": [1]}})
    monkeypatch.setitem(sys.modules, "lsst.images", None)
    monkeypatch.setitem(sys.modules, "lsst.images.serialization", None)
    exposure = read_exposure(tmp_path / "image.fits")
    assert exposure.metadata["WDVERSN"] == "0.1"
    assert "list" not in exposure.metadata
    assert exposure.psf is None
    assert "lsst-images, which is not installed" in caplog.text


def test_a_file_that_takes_the_package(tmp_path, monkeypatch):
    (tmp_path / "image.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "lsst.images.serialization", None)
    with pytest.raises(ValueError, match=r"image\.json must be read by lsst-images"):
        read_archive(tmp_path / "image.json")
