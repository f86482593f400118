"""PSF files as other programs write them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

ERF = np.vectorize(math.erf)


def write_stpsf(path: Path, number: int, factor: int, planes: tuple[str, ...]) -> None:
    """A file as STPSF writes it, of a Gaussian; planes with distortion are a wider one."""
    images = {}
    for name in planes:
        step = 1.0 if name.startswith("DET_") else 1.0 / factor
        size = number if name.startswith("DET_") else number * factor
        at = (np.arange(size + 1) - size / 2) * step
        sigma = 1.6 if name.endswith("DIST") else 1.2
        share = np.diff(ERF(at / sigma / np.sqrt(2))) / 2
        images[name] = np.outer(share, share)
    hdus = []
    for n, (name, image) in enumerate(images.items()):
        hdu = fits.ImageHDU(image) if n else fits.PrimaryHDU(image)
        hdu.header["EXTNAME"] = name
        hdu.header["PIXELSCL"] = 0.031 if name.startswith("DET_") else 0.031 / factor
        hdu.header["DET_SAMP"], hdu.header["OVERSAMP"] = factor, factor
        if name.startswith("DET_"):
            hdu.header["OVERSAMP"], hdu.header["CALCSAMP"] = 1, factor
        hdus.append(hdu)
    fits.HDUList(hdus).writeto(path)


def write_psfex(path: Path, sample: float = 1.0, **keywords: Any) -> None:
    """A file as PSFEx writes it: a Gaussian, wider by a tenth a hundred pixels to the right."""
    size = 25
    at = (np.arange(size) - size // 2) * sample
    square = np.add.outer(at**2, at**2)
    still = np.exp(-square / (2 * 1.8**2)) / (2 * np.pi * 1.8**2)
    wider = still * (square / 1.8**2 - 2) * 0.1
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("PSF_MASK", f"{3 * size**2}E", dim=f"({size},{size},3)",
                        array=np.stack([still, wider, np.zeros_like(still)])[np.newaxis])
        ],
        name="PSF_DATA",
    )  # fmt: skip
    table.header.update(
        {
            "POLNAXIS": 2, "POLGRP1": 1, "POLNAME1": "X_IMAGE", "POLZERO1": 101, "POLSCAL1": 100,
            "POLGRP2": 1, "POLNAME2": "Y_IMAGE", "POLZERO2": 51.0, "POLSCAL2": 50.0, "POLNGRP": 1,
            "POLDEG1": 1, "PSF_FWHM": 4.2, "PSF_SAMP": sample, "PSFNAXIS": 3, "PSFAXIS1": size,
            "PSFAXIS2": size, "PSFAXIS3": 3, **keywords,
        }
    )  # fmt: skip
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
