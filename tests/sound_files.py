"""Small files of every format that is read, sound ones, for damage to begin with."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from astropy.io import fits

import psf_files as psfs
import roman
import test_io_conventions
import test_io_exposure
import test_io_hotpants
import test_io_kernel
import test_io_rubin
import test_io_sfft
from whitediff import NoiseCovariance
from whitediff.io import MatchingKernel, write_exposure, write_kernel
from whitediff.io.covariance_fits import covariance_hdu
from whitediff.kernel import Chebyshev2D, TabulatedKernel
from whitediff.psf import CellPsf, KernelPsf

TILES = ("RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1")


def kernel_files(directory: Path) -> list[Path]:
    """Write a kernel in every format."""
    rng = np.random.default_rng(3)
    background = Chebyshev2D([1.0, 2.0, 3.0], (0.0, 128.0, 0.0, 96.0))
    write_kernel(
        MatchingKernel(test_io_kernel.spatial_kernel(), "template", 0.75, background),
        directory / "spatial.fits",
    )
    images = rng.uniform(size=(2, 3, 5, 8))
    write_kernel(
        TabulatedKernel([1.5, 20.0, 90.0], [-7.0, 40.25], images), directory / "tabulated.fits"
    )
    fits.PrimaryHDU(images[0, 0]).writeto(directory / "image.fits")

    regions = ["[1:64,1:96]", "[65:128,1:96]"]
    for name, n in (("hotpants.fits", 1), ("regions.fits", 2)):
        test_io_hotpants.write_table(
            directory / name, test_io_hotpants.columns(n), regions[:n],
            image=np.zeros((96, 128), np.uint8), DIFFCMD="hotpants -nrx 2 -nsx 4 -nsy 4 -rss 5",
        )  # fmt: skip

    sfft = test_io_sfft
    n_values = len(sfft.POWERS) * sfft.L0 * sfft.L1 + len(sfft.BACKGROUND_POWERS)
    sfft.write_solution(directory / "sfft.fits", rng.normal(size=n_values), CONVD="REF")

    rubin = test_io_rubin
    tree = rubin.kernel_tree({"data": rubin.BASIS.tolist(), "datatype": "float64"})
    (directory / "kernel.json").write_text(json.dumps({"kernel": tree}))
    tree = rubin.kernel_tree({"source": "fits:BASIS", "datatype": "float64"})
    rows = np.empty(1, dtype=object)
    rows[0] = np.frombuffer(json.dumps({"kernel": tree}).encode(), np.uint8)
    column = fits.Column("JSON", "PB()", array=rows)
    fits.HDUList(
        [fits.PrimaryHDU(), fits.ImageHDU(rubin.BASIS, name="BASIS"),
         fits.BinTableHDU.from_columns([column], name="JSON")]
    ).writeto(directory / "lsst_images.fits")  # fmt: skip

    for separator in "_.":
        archive = rubin.Archive(separator)
        archive.fixed_kernel(2, rubin.BASIS[0])
        archive.fixed_kernel(3, rubin.BASIS[1])
        archive.add(4, "PolynomialFunction2D", coefficients=np.array([1.0, 0.5, -0.25]))
        archive.add(
            5, "Chebyshev1Function2D", coefficients=np.arange(6.0),
            **archive.point("min", 0.0, 10.0), **archive.point("max", 100.0, 60.0),
        )  # fmt: skip
        archive.add(
            1, "LinearCombinationKernel", **archive.point("dimensions", 5, 4),
            **archive.point("center", 3, 1), components=np.array([2, 3]),
            spatialfunctions=np.array([4, 5]),
        )  # fmt: skip
        name = {"_": "afw.fits", ".": "old_afw.fits"}[separator]
        rubin.write_archive(directory / name, archive)
    return sorted(directory.iterdir())


def exposure_files(directory: Path) -> list[Path]:
    """Write an exposure in every format."""
    rng = np.random.default_rng(3)
    wcs = test_io_exposure.make_wcs()
    psf = KernelPsf(rng.uniform(1, 2, (5, 7)), (3.0, 4.0))
    write_exposure(test_io_exposure.make_exposure(psf=psf, wcs=wcs), directory / "own.fits")
    height, width = test_io_exposure.SHAPE
    cells = CellPsf(
        rng.uniform(1, 2, (2, 5, 7)), [[0, 0, width, 9], [0, 9, width, height]], [[8, 4], [8, 14]]
    )
    write_exposure(test_io_exposure.make_exposure(psf=cells), directory / "cells.fits")

    rubin = test_io_rubin
    archive = rubin.Archive("_")
    archive.fixed_kernel(2, rng.uniform(size=(5, 7)))
    archive.add(3, "KernelPsf", kernel=2, **archive.point("averagePosition", 3.5, 4.25))
    rubin.write_afw_exposure(directory / "afw.fits", archive)

    plain = fits.PrimaryHDU(rng.integers(0, 900, (18, 20)).astype(np.int16))
    plain.header.update(BLANK=101, BSCALE=0.5, BZERO=10.0, MASKVAL=1e-30)
    plain.writeto(directory / "integers.fits")
    content = (directory / "integers.fits").read_bytes()
    for suffix, compress in (("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)):
        (directory / f"integers.fits.{suffix}").write_bytes(compress(content))
    compressed_files(directory, rng.normal(300.0, 20.0, (36, 44)).astype(np.float32))
    if find_spec("asdf"):
        pixels = rng.normal(300.0, 20.0, (36, 44)).astype(np.float32)
        planes = {"data": pixels, "err": roman.half(pixels), "dq": pixels.astype(np.uint32)}
        roman.write_roman(directory / "roman.asdf", compression="zlib", **planes)
    return sorted(directory.iterdir())


def compressed_files(directory: Path, pixels: np.ndarray) -> list[Path]:
    """Write an image in tiles of every compression."""
    paths = []
    for kind in TILES:
        image = np.nan_to_num(np.abs(pixels)).astype(np.int32) if kind == "PLIO_1" else pixels
        tile = (16, 32) if kind == "HCOMPRESS_1" else None
        paths.append(directory / f"{kind}.fits")
        fits.CompImageHDU(image, compression_type=kind, tile_shape=tile).writeto(paths[-1])
    return paths


def convention_files(directory: Path) -> dict[str, str]:
    """Write an image as each observatory does; give the image ``FILE[EXT]`` of each."""
    return {
        name: str(make(directory / f"convention{n}.fits"))
        for n, (name, (make, *_)) in enumerate(test_io_conventions.CASES.items())
        if "ASDF" not in name or find_spec("asdf")
    }


def psf_files(directory: Path) -> list[Path]:
    """Write a PSF in the formats that no kernel has."""
    planes = ("OVERSAMP", "DET_SAMP", "OVERDIST", "DET_DIST")
    psfs.write_stpsf(directory / "stpsf.fits", 7, 2, planes)
    psfs.write_psfex(directory / "psfex.fits")
    return sorted(directory.iterdir())


def covariance_files(directory: Path) -> list[Path]:
    """Write covariances: an image, and one that changes over the frame."""
    lags = np.outer([0.1, 1.0, 0.1], [0.02, 0.3, 1.0, 0.3, 0.02])
    fits.PrimaryHDU(lags).writeto(directory / "lags.fits")
    varying = NoiseCovariance(
        np.stack([lags, 0.1 * lags, -0.2 * lags]), frame=(0.0, 128.0, 0.0, 96.0)
    )
    fits.HDUList([fits.PrimaryHDU(), covariance_hdu(varying)]).writeto(directory / "varying.fits")
    return sorted(directory.iterdir())


def plane_files(directory: Path, shape: tuple[int, int]) -> tuple[list[Path], list[Path]]:
    """Write variances and masks for images of a shape, each in a file of its own."""
    rng = np.random.default_rng(3)
    variance = rng.uniform(80.0, 120.0, shape).astype(np.float32)
    mask = (rng.random(shape) < 0.01).astype(np.int16)
    paths = [directory / name for name in ("variance.fits", "image.weight.fits", "mask.fits")]
    for path, plane in zip(paths, (variance, 1 / variance, mask), strict=True):
        fits.PrimaryHDU(plane).writeto(path)
    header = fits.Header({"MP_BAD": 0, "MP_SAT": 1})
    paths.append(directory / "packed_mask.fits")
    fits.CompImageHDU(mask, header, compression_type="RICE_1").writeto(paths[-1])
    return paths[:2], paths[2:]
