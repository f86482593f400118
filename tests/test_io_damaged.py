"""Files whose headers promise what the file does not hold, and what else no library should see."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import resource
import signal
import tempfile
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from whitediff import read_exposure
from whitediff.io import decoded, read_kernel
from whitediff.io.atomic import WriteError
from whitediff.io.fits_structure import check_structure
from whitediff.io.reading import ContentError, ReadError, reading

BLOCK = 2880


def header(*cards: str) -> bytes:
    text = "".join(card.ljust(80) for card in (*cards, "END")).encode("latin-1")
    return text.ljust(-(-len(text) // BLOCK) * BLOCK)


PRIMARY = header("SIMPLE  =                    T", "BITPIX  =  8", "NAXIS   =  0")


def image(**changes: object) -> bytes:
    cards = {"XTENSION": "'IMAGE'", "BITPIX": -32, "NAXIS": 2, "NAXIS1": 20, "NAXIS2": 18}
    cards |= {"PCOUNT": 0, "GCOUNT": 1} | changes
    lines = [f"{name:8}= {value}" for name, value in cards.items() if value is not None]
    return header(*lines) + bytes(BLOCK)


def table(**changes: object) -> bytes:
    cards = {"XTENSION": "'BINTABLE'", "BITPIX": 8, "NAXIS": 2, "NAXIS1": 8, "NAXIS2": 3}
    cards |= {"PCOUNT": 0, "GCOUNT": 1, "TFIELDS": 1, "TFORM1": "'2J'"} | changes
    lines = [f"{name:8}= {value}" for name, value in cards.items() if value is not None]
    return header(*lines) + bytes(BLOCK)


DAMAGED = {
    "a negative side": (image(NAXIS2=-3), "NAXIS2 of HDU 1 must be a whole number from 0 to"),
    "a billion axes": (image(NAXIS=10**9), "NAXIS of HDU 1 must be a whole number from 0 to 999"),
    "a side beyond integers": (image(NAXIS1=10**30), "NAXIS1 of HDU 1 must be a whole number"),
    "a side of text": (image(NAXIS1="'20'x"), None),
    "a missing side": (image(NAXIS2=None), "HDU 1 needs the keyword NAXIS2, which is missing"),
    "bits of no type": (image(BITPIX=7), "BITPIX of HDU 1 must be one of"),
    "a negative number of groups": (image(GCOUNT=-1), "GCOUNT of HDU 1 must be"),
    "more pixels than bytes": (image(NAXIS2=10**6), "is truncated: HDU 1 ends at byte"),
    "a billion fields": (table(TFIELDS=10**9), "TFIELDS of HDU 1 must be"),
    "no format": (table(TFORM1=None), "HDU 1 needs the format of a column in TFORM1"),
    "a format of no type": (table(TFORM1="'2Z'"), "needs the format of a column in TFORM1"),
    "a row narrower than its columns": (table(TFORM1="'3J'"), "must fit its rows of 8 bytes"),
    "a heap beyond the table": (table(THEAP=10**9), "THEAP of HDU 1 must be within its data"),
    "something else behind the last HDU": (
        image() + b"x".ljust(BLOCK) + image(NAXIS2=-3),
        "is damaged: what follows HDU 1 is no HDU",
    ),
    "text that would be another line": (
        image(NAXIS2="1\x85\x1b\t2"),
        "NAXIS2 of HDU 1 must be a whole number from 0 to 9223372036854775807, got 1 2$",
    ),
    "a header without an end": (b"XTENSION= 'IMAGE'".ljust(BLOCK), "ends within a header"),
}


@pytest.mark.parametrize(("hdu", "message"), DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("read", [read_exposure, read_kernel])
def test_headers_are_checked_against_the_file(tmp_path, hdu, message, read):
    path = tmp_path / "damaged.fits"
    path.write_bytes(PRIMARY + hdu)
    with pytest.raises((ReadError, ContentError), match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))


def test_undamaged_ones_pass(tmp_path):
    for hdu in (image(), table(), table(TFORM1="'1PE(5)'")):
        path = tmp_path / "sound.fits"
        path.write_bytes(PRIMARY + hdu)
        with open(path, "rb") as file:
            check_structure(file)


def test_a_name_of_an_hdu_that_cannot_be_read(tmp_path):
    path = tmp_path / "kernel.fits"
    path.write_bytes(PRIMARY + image(EXTNAME="'unquoted"))
    for difference in (None, path):
        with pytest.raises((ReadError, ContentError), match=r"kernel\.fits"):
            read_kernel(path, difference=difference)


@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1"])
def test_descriptors_and_tiles_are_checked(tmp_path, kind):
    path = tmp_path / "image.fits"
    pixels = np.random.default_rng(3).integers(0, 900, (64, 64)).astype(np.int32)
    tile = (16, 64) if kind == "HCOMPRESS_1" else (1, 64)
    hdu = fits.CompImageHDU(pixels, compression_type=kind, tile_shape=tile)
    hdu.writeto(path)
    with fits.open(path, disable_image_compression=True) as hdus:
        begin = hdus[1].fileinfo()["datLoc"]
        heap = begin + hdus[1].header["NAXIS1"] * hdus[1].header["NAXIS2"]
    content = bytearray(path.read_bytes())
    np.testing.assert_array_equal(read_exposure(path).image.array, pixels)
    for number, place in ((10**9, 0), (-5, 0), (10**9, 4), (-5, 4)):
        bad = content.copy()
        bad[begin + place : begin + place + 4] = number.to_bytes(4, "big", signed=True)
        path.write_bytes(bad)
        with pytest.raises(ReadError, match="column 1 of HDU 1 must have its values inside"):
            read_exposure(path)
    if kind in ("HCOMPRESS_1", "PLIO_1"):
        # Sizes in the streams themselves.
        bad = content.copy()
        bad[heap + 2 : heap + 10] = b"\x7f\xff" * 4
        path.write_bytes(bad)
        with pytest.raises(ReadError, match="a compressed tile of HDU 1 must be of its size"):
            read_exposure(path)


def test_tiles_may_not_become_larger_than_they_are(tmp_path):
    path = tmp_path / "image.fits"
    rng = np.random.default_rng(3)
    image = rng.integers(0, 1 << 20, (200, 200)).astype(np.int32)
    fits.CompImageHDU(image, compression_type="GZIP_1", tile_shape=image.shape).writeto(path)
    np.testing.assert_array_equal(read_exposure(path).image.array, image)
    with fits.open(path, disable_image_compression=True) as hdus:
        size = hdus[1].header["PCOUNT"]
        begin = hdus[1].fileinfo()["datLoc"] + hdus[1].header["NAXIS1"]
    content = bytearray(path.read_bytes())
    # It would take 80 MB where a pixel can take eight bytes.
    content[begin : begin + size] = gzip.compress(bytes(80_000_000)).ljust(size, b"\0")
    path.write_bytes(content)
    with pytest.raises(ReadError, match="a compressed tile of HDU 1 must be of its size"):
        read_exposure(path)


def write_tiles(path):
    pixels = np.random.default_rng(3).normal(size=(40, 30)).astype(np.float32)
    fits.CompImageHDU(pixels, compression_type="RICE_1").writeto(path)
    return path


def end_by_itself():
    os.kill(os.getpid(), signal.SIGSEGV)


def raise_error(error):
    raise error


@pytest.mark.parametrize(
    ("decode", "error", "message"),
    [
        (end_by_itself, ReadError, r"image\.fits: its compressed tiles are damaged$"),
        (
            lambda: raise_error(ValueError("no code")),
            ReadError,
            r"image\.fits: its compressed tiles are damaged: no code$",
        ),
        (lambda: raise_error(MemoryError()), MemoryError, None),
    ],
)
def test_a_decoder_takes_nothing_with_it(tmp_path, monkeypatch, decode, error, message):
    path = write_tiles(tmp_path / "image.fits")
    monkeypatch.setattr(decoded, "_write_rows", lambda hdu, file: decode())
    with pytest.raises(error, match=message):
        read_exposure(path)


def test_a_full_directory_of_temporary_files(tmp_path, monkeypatch):
    path = write_tiles(tmp_path / "image.fits")
    write_rows = decoded._write_rows

    def write_few(hdu, file):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        write_rows(hdu, file)

    monkeypatch.setattr(decoded, "_write_rows", write_few)
    with pytest.raises(
        WriteError, match=f"cannot write a decoded image to {tempfile.gettempdir()}"
    ):
        read_exposure(path)


def test_what_takes_several_parts_to_decode(tmp_path, monkeypatch):
    monkeypatch.setattr(decoded, "_BYTES", 500)
    path = write_tiles(tmp_path / "image.fits")
    np.testing.assert_array_equal(read_exposure(path).image.array, fits.getdata(path, 1))


def test_numbers_beyond_all_others_do_not_warn(tmp_path):
    path = tmp_path / "image.fits"
    # The bits of a NaN that signals, in the order of the file.
    signalling = np.full((6, 7), 0x7FA00000, ">u4").view(">f4")
    deviations = fits.ImageHDU(np.full((6, 7), 1e30, np.float32), name="UNCERT")
    fits.HDUList([fits.PrimaryHDU(signalling), deviations]).writeto(path)
    exposure = read_exposure(path)
    assert np.isnan(exposure.image.array).all() and np.isinf(exposure.variance.array).all()


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_are_read_if_they_begin_as_fits(tmp_path, compress):
    path = tmp_path / "image.fits.gz"
    path.write_bytes(compress(PRIMARY + image()))
    assert read_exposure(path).image.array.shape == (18, 20)
    path.write_bytes(compress(bytes(100_000_000)))
    with pytest.raises(ReadError, match=r"image\.fits\.gz is not a FITS file"):
        read_exposure(path)
    path.write_bytes(compress(PRIMARY + image(NAXIS2=10**6)))
    with pytest.raises(ReadError, match="is truncated"):
        read_exposure(path)
    path.write_bytes(compress(PRIMARY + image())[:-10])
    with pytest.raises(ReadError, match="is truncated"):
        read_exposure(path)


@pytest.mark.parametrize(
    "text",
    ["{" + '"a":[' * 100_000, '{"kernel": ' * 100_000, '{"kernel": 5}', '{"kernel": {"a": 1e999}}'],
)
def test_json_of_any_kind_ends_in_one_line(tmp_path, text):
    path = tmp_path / "kernel.json"
    path.write_text(text)
    with pytest.raises((ReadError, ContentError), match=r"kernel\.json"):
        read_kernel(path)


@pytest.mark.parametrize(
    "error",
    [
        AssertionError(), AttributeError("'_ValidHDU' has no 'x'"), ZeroDivisionError("by zero"),
        OverflowError("too large"), RecursionError("depth"), IndexError("0"), OSError("odd"),
        TypeError("x" * 10_000), UnicodeDecodeError("ascii", b"\xff", 0, 1, "odd"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_whatever_is_raised_names_the_file_in_one_short_line(error):
    with pytest.raises((ReadError, ContentError)) as caught, reading(Path("some.fits")):
        raise error
    message = str(caught.value)
    assert message.startswith("some.fits") and len(message) < 400
    assert "ValidHDU" not in message


def test_warnings_are_part_of_the_message():
    with pytest.raises(ContentError, match="some.fits: no; divide by zero"), reading("some.fits"):
        np.array([1.0]) / 0
        raise ValueError("no")


def test_warnings_of_others_are_kept_where_nothing_goes_wrong():
    with pytest.warns(RuntimeWarning, match="divide by zero"), reading("some.fits"):
        np.array([1.0]) / 0


def test_a_lack_of_memory_stays_one():
    with pytest.raises(MemoryError), reading("some.fits"):
        raise MemoryError


def test_numbers_of_other_kinds_in_a_kernel_tree(tmp_path):
    path = tmp_path / "kernel.json"
    for basis in ({"data": 5}, {"data": [[["x"]]]}, [], None):
        tree = {"kernel_type": "IMAGE_BASIS", "basis": basis, "spatial": [], "center_x": 0}
        path.write_text(json.dumps(tree))
        with pytest.raises(ContentError, match=r"kernel\.json"):
            read_kernel(path)
