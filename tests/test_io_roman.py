"""Roman's own files, ASDF: what they hold, what is said of it, and damaged ones."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest

from command_line import fail
from conventions import IMAGE, SHAPE, SIGMA, VARIANCE, flags
from roman import half, mosaic_wcs, roman_wcs, write_mosaic, write_roman
from whitediff.io import read_exposure
from whitediff.io.exposure_rows import open_exposure, open_noise
from whitediff.io.reading import ContentError, ReadError

asdf = pytest.importorskip("asdf")
DQ = flags(0, 1, 4, 7, 31, dtype=np.uint32)


def write(path, **more):
    return write_roman(path, **{"data": IMAGE, "err": half(SIGMA), "dq": DQ} | more)


@pytest.mark.parametrize("compression", [None, "zlib", "lz4"])
def test_an_exposure(tmp_path, compression):
    if compression == "lz4":
        pytest.importorskip("lz4")
    more = {"chisq": half(IMAGE), "var_poisson": half(IMAGE)}
    path = write(tmp_path / "x_cal.asdf", compression=compression, **more)
    with open_exposure(path) as rows:
        exposure, notes = rows.load(), rows.notes
        np.testing.assert_array_equal(rows.image[4:19:3, 2:9], IMAGE[4:19:3, 2:9])
    np.testing.assert_array_equal(exposure.image.array, IMAGE)
    # Powers of two are exact in half precision.
    np.testing.assert_array_equal(exposure.variance.array, VARIANCE)
    assert np.count_nonzero(exposure.mask.array) == 3
    assert exposure.metadata["DETECTOR"] == "WFI01"
    assert notes[0] == "image SCI, squared standard deviations ERR, mask DQ"
    assert "left out CHISQ, VAR_POISSON" in notes


def test_a_mosaic(tmp_path):
    image = IMAGE.copy()
    # No exposure reaches this corner.
    image[:2, :3] = np.nan
    path = write_mosaic(tmp_path / "x_coadd.asdf", image, SIGMA, compression=None)
    with open_exposure(path) as rows:
        exposure, notes = rows.load(), rows.notes
    np.testing.assert_array_equal(exposure.image.array, image)
    np.testing.assert_array_equal(exposure.variance.array, VARIANCE)
    assert exposure.metadata["BUNIT"] == "MJy/sr"
    assert notes[0] == "image SCI, squared standard deviations ERR"
    assert "left out CONTEXT, VAR_FLAT, VAR_POISSON, VAR_RNOISE, VAR_SKY, WEIGHT" in notes
    # Exposures of level 2 count otherwise.
    with pytest.raises(ValueError, match=r"ERR is taken for .* got MJy/sr"):
        with open_noise(path, image_unit="DN/s"):
            pass


def test_squares_beyond_half_precision(tmp_path):
    sigma = np.full(SHAPE, 1000.0)
    sigma[0, :3] = 1e-3, np.inf, np.nan
    variance = read_exposure(write(tmp_path / "x.asdf", err=half(sigma))).variance.array
    # Eleven bits are good to 1 in 2048, their squares to 1 in 1024.
    np.testing.assert_allclose(variance[0, 0], 1e-6, rtol=1e-3)
    assert variance[1, 1] == 1e6
    assert not np.isfinite(variance[0, 1:3]).any()


def test_quantities_of_older_files(tmp_path):
    tagged = pytest.importorskip("asdf.tagged").TaggedDict

    def quantity(values, unit):
        return tagged({"value": values, "unit": unit}, "tag:stsci.edu:asdf/unit/quantity-1.1.0")

    path = write(tmp_path / "x.asdf", data=quantity(IMAGE, "DN / s"), err=quantity(SIGMA, "DN / s"))
    exposure = read_exposure(path)
    np.testing.assert_array_equal(exposure.image.array, IMAGE)
    np.testing.assert_array_equal(exposure.variance.array, VARIANCE)
    assert exposure.metadata["BUNIT"].replace(" ", "") in ("DN/s", "DNs-1")
    path = write(tmp_path / "y.asdf", data=quantity(IMAGE, "DN / s"), err=quantity(SIGMA, "pixel"))
    with pytest.raises(
        ValueError, match=r"y\.asdf: ERR is taken for standard deviations, and must"
    ):
        read_exposure(path)


def test_planes_are_named_as_those_of_fits(tmp_path):
    path = write(tmp_path / "x.asdf")
    with open_noise(f"{path}[ERR]") as noise:
        np.testing.assert_array_equal(noise.variance[:], VARIANCE)
    with open_noise(path) as noise:
        np.testing.assert_array_equal(noise.variance[:], VARIANCE)
    with open_exposure(path, f"{path}[DQ]") as rows:
        assert np.count_nonzero(rows.load().mask.array) == 3


class TestWcs:
    def test_becomes_polynomials(self, tmp_path):
        pytest.importorskip("gwcs")
        wcs = roman_wcs(SHAPE, 1e-3)
        with open_exposure(write(tmp_path / "x.asdf", wcs=wcs)) as rows:
            (said,) = (note for note in rows.notes if "WCS" in note)
            fits_wcs = rows.wcs
        assert said.startswith("WCS is approximated by polynomials (SIP), to ")
        error = float(said.split()[-2])
        x, y = np.meshgrid(np.linspace(0, SHAPE[1] - 1, 7), np.linspace(0, SHAPE[0] - 1, 9))
        apart = np.hypot(*(a - b for a, b in zip(fits_wcs.all_pix2world(x, y, 0), wcs(x, y),
                                                 strict=True)))  # fmt: skip
        # In degrees; it is said to one digit, and of other pixels.
        assert apart.max() < 2 * error * 0.11 / 3600
        assert 0 < error < 1e-3
        # A distortion of a tenth of a pixel was there to be kept.
        assert fits_wcs.sip is not None

    @pytest.mark.parametrize("is_fits", [False, True])
    def test_of_a_mosaic(self, tmp_path, is_fits):
        pytest.importorskip("gwcs")
        wcs = mosaic_wcs(is_fits=is_fits)
        with open_exposure(write_mosaic(tmp_path / "x.asdf", IMAGE, SIGMA, wcs=wcs)) as rows:
            fits_wcs, notes = rows.wcs, rows.notes
        assert any(note.startswith("WCS is approximated by polynomials") for note in notes), notes
        x, y = np.meshgrid(np.linspace(0, SHAPE[1] - 1, 7), np.linspace(0, SHAPE[0] - 1, 9))
        apart = np.hypot(*(a - b for a, b in zip(fits_wcs.all_pix2world(x, y, 0), wcs(x, y),
                                                 strict=True)))  # fmt: skip
        # A thousandth of a pixel.
        assert apart.max() < 1e-3 * 0.055 / 3600

    def test_is_left_out_without_its_package(self, tmp_path, monkeypatch):
        gwcs = pytest.importorskip("gwcs")
        path = write(tmp_path / "x.asdf", wcs=roman_wcs(SHAPE, 1e-3))
        monkeypatch.delattr(gwcs.WCS, "to_fits_sip")
        with open_exposure(path) as rows:
            assert rows.wcs is None
            assert any(
                note.startswith("WCS is left out: it is read by gwcs") for note in rows.notes
            )

    def test_that_nothing_fits_is_left_out(self, tmp_path, monkeypatch):
        gwcs = pytest.importorskip("gwcs")
        path = write(tmp_path / "x.asdf", wcs=roman_wcs(SHAPE, 1e-3))

        def fail(self, **options):
            raise ValueError("no")

        monkeypatch.setattr(gwcs.WCS, "to_fits_sip", fail)
        with open_exposure(path) as rows:
            assert rows.wcs is None
            assert "WCS is left out, no polynomials (SIP) fit it: no" in rows.notes


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"other": 3}, "an image of Roman must have roman/data"),
        ({"roman": 3}, "an image of Roman must have roman/data"),
        ({"roman": {"data": np.zeros((2, 5, 7))}}, r"data must be an image, .* got the shape \(2,"),
        ({"roman": {"data": "text"}}, "data must be an image"),
        ({"roman": {"data": IMAGE, "dq": DQ[1:]}}, "must have the same shape|mask must have shape"),
    ],
)
def test_what_is_no_image(tmp_path, tree, message):
    path = tmp_path / "x.asdf"
    asdf.AsdfFile(tree).write_to(path)
    with pytest.raises(ValueError, match=rf"x\.asdf.*{message}"):
        read_exposure(path)


def test_arrays_of_other_files_are_not_fetched(tmp_path):
    path = tmp_path / "x.asdf"
    path.write_bytes(
        b"#ASDF 1.0.0\n#ASDF_STANDARD 1.6.0\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n"
        b"--- !core/asdf-1.1.0\nroman:\n  data: !core/ndarray-1.1.0\n"
        b"    {source: 'http://localhost/other.asdf', datatype: float32, byteorder: big,"
        b" shape: [3, 4]}\n...\n"
    )
    with pytest.raises(ContentError, match=r"x\.asdf: data must lie in the file itself, got 'http"):
        read_exposure(path)


def test_without_the_package(tmp_path, monkeypatch):
    path = write(tmp_path / "x.asdf")
    monkeypatch.setitem(sys.modules, "asdf", None)
    with pytest.raises(ValueError, match=r"x\.asdf: ASDF is read by asdf: pip install"):
        read_exposure(path)


def test_a_block_cannot_claim_all_memory(tmp_path):
    path = write(tmp_path / "x.asdf", compression="zlib")
    data = bytearray(path.read_bytes())
    # Of a block: magic, header size, flags, compression, allocated, used, unpacked.
    place = data.index(b"\xd3BLK") + 4 + 2 + 4 + 4 + 8 + 8
    data[place : place + 8] = (1 << 44).to_bytes(8, "big")
    path.write_bytes(data)
    with pytest.raises(ReadError, match=r"x\.asdf: a block of \d+ bytes must unpack to"):
        read_exposure(path)


def test_damage_ends_in_one_line(tmp_path, capsys):
    """Cut off, or with some bytes changed: a result, or one line that names the file."""
    sound = write(tmp_path / "sound.asdf", compression="zlib").read_bytes()
    rng = random.Random(5)
    path = tmp_path / "x.asdf"
    refused = 0
    for n in range(60):
        data = bytearray(sound)
        if n % 3 == 0:
            data = data[: rng.randrange(5, len(data))]
        else:
            for _ in range(rng.choice([1, 4, 20])):
                data[rng.randrange(5, len(data))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            read_exposure(path)
        except (ContentError, ReadError) as error:
            refused += 1
            assert str(path) in str(error) and str(error).isprintable()
    assert refused > 20
    path.write_bytes(sound[: len(sound) // 2])
    assert fail(capsys, "check", path).startswith(f"whitediff: {path}: ")
