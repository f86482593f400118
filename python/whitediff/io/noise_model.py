"""Noise models in FITS files: the sources of noise of an image (docs/kernel-format.md)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.io import fits

from ..covariance import NoiseCovariance
from ..sources import NoiseSource
from .covariance_fits import covariance_hdu
from .fits_file import native, open_fits, table_hdu, write_fits
from .kernel_hdus import FORMAT, FORMAT_KEYWORD, check_format, kernel_hdus, read_kernel_hdus
from .kernel_limits import whole_number
from .reading import reading

__all__ = ["read_noise_model", "write_noise_model"]

_MAX_SOURCES = 100_000


def write_noise_model(
    sources: Sequence[NoiseSource], path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write the sources of noise of an image, atomically, such that `read_noise_model` reads them.

    Parameters
    ----------
    sources : sequence of NoiseSource
        What `whitediff.whiten` takes, but for masks, which are not written.
    path : path-like
        Name of the file.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    OSError
        If the file cannot be written.
    TypeError
        If a kernel is none that `write_kernel` writes.
    ValueError
        If a source has a mask.
    """
    hdus: list[Any] = []
    numbers: dict[int, int] = {}
    variances = np.full(len(sources), np.nan)
    means = np.full(len(sources), np.nan)
    of_source = np.zeros(
        (len(sources), max((len(s.kernels) for s in sources), default=0) or 1), int
    )
    for row, source in enumerate(sources):
        if source.mask is not None:
            raise ValueError(
                f"sources[{row}].mask must be None, as a noise model has none, got one"
            )
        for n, kernel in enumerate(source.kernels):
            # Sources share kernels.
            if id(kernel) not in numbers:
                numbers[id(kernel)] = len(numbers) + 1
                hdus += kernel_hdus(kernel, numbers[id(kernel)])
            of_source[row, n] = numbers[id(kernel)]
        if np.ndim(source.variance) == 0:
            variances[row] = source.variance
        else:
            hdus.append(fits.ImageHDU(np.asarray(source.variance), name="VARIANCE", ver=row + 1))
        if source.covariance is not None:
            hdu = covariance_hdu(source.covariance)
            hdu.ver = row + 1
            hdus.append(hdu)
        if source.mean_variance is not None:
            means[row] = source.mean_variance
    weights = np.array([source.weight for source in sources])
    columns = [
        fits.Column("VARIANCE", "D", array=variances),
        fits.Column("WEIGHT", "D", array=weights),
        fits.Column("KERNELS", f"{of_source.shape[1]}J", array=of_source),
        fits.Column("MEAN_VARIANCE", "D", array=means),
    ]
    table = table_hdu("SOURCES", columns)
    table.header[FORMAT_KEYWORD] = (FORMAT, "version of docs/kernel-format.md")
    write_fits(fits.HDUList([fits.PrimaryHDU(), table, *hdus]), path, overwrite=overwrite)


def read_noise_model(path: str | os.PathLike[str]) -> list[NoiseSource]:
    """Read the sources of noise of an image, as `whitediff.whiten` takes them.

    Parameters
    ----------
    path : path-like
        File of `write_noise_model`.

    Raises
    ------
    OSError
        If the file is missing, is no FITS file, or is truncated.
    ValueError
        If it holds no noise model, an inconsistent one, or one of a newer version of the format.
    """
    with open_fits(path) as hdus, reading(path):
        table = hdus["SOURCES"]
        check_format(table.header)
        whole_number(len(table.data), "number of SOURCES", 1, _MAX_SOURCES)
        rows = [{name: row[name] for name in table.columns.names} for row in table.data]
        used = {int(number) for row in rows for number in np.atleast_1d(row["KERNELS"]) if number}
        kernels = {number: read_kernel_hdus(hdus, number) for number in sorted(used)}
        return [_source(hdus, n, row, kernels) for n, row in enumerate(rows, 1)]


def _source(
    hdus: fits.HDUList, number: int, row: dict[str, Any], kernels: dict[int, Any]
) -> NoiseSource:
    variance: Any = float(row["VARIANCE"])
    if np.isnan(variance):
        variance = native(hdus["VARIANCE", number].data)
    lags = ("COVARIANCE", number)
    mean = float(row["MEAN_VARIANCE"])
    return NoiseSource(
        variance,
        kernels=[kernels[int(k)] for k in np.atleast_1d(row["KERNELS"]) if k],
        weight=float(row["WEIGHT"]),
        mean_variance=None if np.isnan(mean) else mean,
        covariance=(NoiseCovariance(native(hdus[lags].data, np.float64)) if lags in hdus else None),
    )
