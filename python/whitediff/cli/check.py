"""The command ``whitediff check``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .figure import check_figure, unit_of, write_figure
from .files import INPUT, OUTPUT, check_outputs
from .options import ignore_plane_option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..exposure import Exposure

# Departures from white noise by more than this many sampling errors are marked.
_MARKED = 5.0


@click.command()
@click.argument("files", metavar="FILE...", type=INPUT, nargs=-1, required=True)
@ignore_plane_option
@click.option("--overwrite", is_flag=True, help="Replace a figure that exists.")
@click.option("--plot", type=OUTPUT, help="Figure to write (png, pdf, svg).")
def check(
    files: tuple[Path, ...], ignore_planes: tuple[str, ...], overwrite: bool, plot: Path | None
) -> None:
    """Print how white the noise of images is.

    Shown are the pixel variance against the variance plane; the same for fluxes (noise on the scale
    of the PSF) and for sums over many pixels (noise at k = 0), which many small correlations change
    where none of them shows; and the autocorrelation in x and y, each with its sampling error.
    Sources and masked pixels are left out.
    """
    if plot is not None:
        check_outputs([plot], files, overwrite=overwrite)
        check_figure(plot)

    from ..io.exposure_rows import open_exposure
    from ..subtraction.masks import check_planes

    exposures, notes = [], []
    for path in files:
        with open_exposure(path) as rows:
            exposures.append(rows.load())
            notes += [f"{path}: {note}" for note in rows.notes]
    planes = check_planes(ignore_planes, [e.mask.getMaskPlaneDict() for e in exposures])
    columns = [
        _column(path, exposure, planes) for path, exposure in zip(files, exposures, strict=True)
    ]
    _print_table(files, columns)
    for note in notes:
        click.echo(note)
    if plot is not None:
        titles = [path.name for path in files]
        write_figure(plot, list(zip(titles, exposures, strict=True)), planes, overwrite=overwrite)


def _column(path: Path, exposure: Exposure, planes: Sequence[str]) -> dict[str, str]:
    """What the table says of one image."""
    from ..statistics import clipped_mean, with_error
    from ..subtraction.masks import left_out
    from ..whiteness import whiteness

    image, mask = exposure.image.array, left_out(exposure, planes)
    plane = None if exposure.variance is None else exposure.variance.array
    try:
        noise = whiteness(image, plane, mask=mask, psf=_psf(exposure))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    scale = 1.0 if plane is None else clipped_mean(plane, mask=mask)
    variance = with_error(scale * noise.variance, scale * noise.variance_error)
    rows = {"pixel variance": f"{variance} {unit_of(exposure)}²"}
    covariance = noise.covariance
    rows["over variance plane"] = "no variance plane"
    if plane is not None:
        rows["over variance plane"] = _marked(noise.variance, noise.variance_error, white=1.0)
    # Without a plane, over what the pixels scatter.
    of_plane = 1.0 if plane is not None else noise.variance
    for label, name in (("PSF scale", "psf_scale"), ("k = 0", "power_at_zero")):
        rows[f"noise at {label}"] = "image too small"
        if covariance is not None:
            value, scatter = (getattr(covariance, name + end) / of_plane for end in ("", "_error"))
            rows[f"noise at {label}"] = _marked(value, scatter, white=1.0)
    rows["PSF"] = "of the file" if exposure.hasPsf() else "Gaussian, σ 1.7 px"
    for lag in range(1, noise.max_lag + 1):
        value, sampling_error = noise.in_x[lag - 1], noise.error_in_x[lag - 1]
        rows[f"correlation, x lag {lag}"] = _marked(value, sampling_error, white=0.0)
    for lag in range(1, noise.max_lag + 1):
        value, sampling_error = noise.in_y[lag - 1], noise.error_in_y[lag - 1]
        rows[f"correlation, y lag {lag}"] = _marked(value, sampling_error, white=0.0)
    rows["pixels used"] = f"{noise.n_pixels / image.size:.1%}"
    rows["left out as filled"] = (
        ", ".join(
            f"{number / image.size:.1%} with {value:g}" for value, number in noise.filled.items()
        )
        or "none"
    )
    return rows


def _psf(exposure: Exposure) -> NDArray[np.float64] | None:
    """The PSF in the middle of an image."""
    from ..geometry import Point2D

    if not exposure.hasPsf():
        return None
    box = exposure.getBBox()
    middle = Point2D((box.getMinX() + box.getMaxX()) / 2, (box.getMinY() + box.getMaxY()) / 2)
    image: NDArray[np.float64] = exposure.psf.computeKernelImage(middle).array
    return image


def _marked(value: float, error: float, *, white: float) -> str:
    """A number, with a mark if white noise would hardly give it."""
    from ..statistics import with_error

    return with_error(value, error) + (" *" if abs(value - white) > _MARKED * error else "  ")


def _print_table(files: Sequence[Path], columns: Sequence[dict[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title="Noise between the sources",
        caption=f"* more than {_MARKED:g} sampling errors from white noise",
    )
    table.add_column()
    for path in files:
        table.add_column(str(path), justify="right", overflow="fold")
    for label in columns[0]:
        table.add_row(label, *(column[label] for column in columns))
    Console(markup=False, highlight=False).print(table)
