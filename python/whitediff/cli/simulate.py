"""The command ``whitediff simulate``."""

from __future__ import annotations

import os
import tempfile
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..covariance import INTERPOLATIONS
from .files import check_outputs

if TYPE_CHECKING:
    from ..simulate import Simulation

_FILES = ("science.fits", "template.fits", "difference.fits", "kernel.fits", "truth.ecsv")
_MIN_SIDE = 64


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--shape",
    type=click.IntRange(min=_MIN_SIDE),
    nargs=2,
    default=(1024, 1024),
    show_default=True,
    metavar="HEIGHT WIDTH",
    help="Size of the images in pixels.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of the random numbers.",
)
@click.option(
    "--science-warp",
    type=click.Choice(INTERPOLATIONS),
    help="Noise of the science image as after an interpolation: a shift by a fraction of a pixel, "
    "and a turn by 0.003.",
)
@click.option(
    "--template-warp", type=click.Choice(INTERPOLATIONS), help="The same of the template."
)
@click.option(
    "--coadd",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Of how many exposures the template is the mean, each with a warp of its own.",
)
@click.option("--shared", is_flag=True, help="One of them is the science exposure.")
@click.option(
    "--ripple",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    metavar="SIGMAS",
    help="Waves of the sky in the science image, in units of its noise.",
)
@click.option(
    "--pixels-a-star",
    type=click.IntRange(min=1),
    default=2500,
    show_default=True,
    metavar="N",
    help="One star in so many pixels.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option(
    "--butler",
    is_flag=True,
    help="Make DIRECTORY a repository for Rubin pipelines, with a visit of two detectors.",
)
def simulate(
    directory: Path,
    shape: tuple[int, int],
    seed: int,
    overwrite: bool,
    butler: bool,
    **options: Any,
) -> None:
    """Write a set of input files with known truth to DIRECTORY.

    science.fits and template.fits have stars, true variance planes, masks and PSFs; kernel.fits
    is a matching kernel that varies over the frame; difference.fits is made with it from the
    template, and has transients. truth.ecsv lists all sources.

    Warps act on noise alone, so that kernel and PSFs are true; variance planes are those of the
    warped pixels.
    """
    if not directory.parent.is_dir():
        raise click.UsageError(f"directory '{directory.parent}' does not exist")
    if butler and overwrite:
        raise click.UsageError("--overwrite does not go with --butler: repositories are kept")
    if butler:
        context = click.get_current_context()
        for name in options:
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
                raise click.UsageError(f"--{name.replace('_', '-')} does not go with --butler")
        _simulate_repository(directory, shape, seed)
        return
    outputs = [directory / name for name in _FILES]
    if directory.exists():
        check_outputs(outputs, (), overwrite=overwrite)

    from ..io.atomic import writing
    from ..simulate import simulate

    simulation = simulate(shape, seed=seed, **options)
    with writing(directory):
        directory.mkdir(exist_ok=True)
        # All files are complete before the first one takes its name.
        with tempfile.TemporaryDirectory(dir=directory, prefix=".simulate-") as temporary:
            _write(simulation, Path(temporary))
            for output in outputs:
                os.replace(Path(temporary) / output.name, output)
    n_transients = int(simulation.sources["transient"].sum())
    click.echo(
        f"{directory}: {', '.join(_FILES)} with {len(simulation.sources)} sources, "
        f"{n_transients} of them transients"
    )
    if simulation.shared_variance:
        click.echo(
            f"science image and template share noise of variance {simulation.shared_variance:.6g}"
        )


def _simulate_repository(directory: Path, shape: tuple[int, int], seed: int) -> None:
    if directory.exists() and any(directory.iterdir()):
        raise click.UsageError(f"'{directory}' must be new or empty, to become a repository")

    from ..pipeline.repository import COLLECTION, WHITEN, simulate_repository

    simulate_repository(directory, shape, seed=seed)
    click.echo(
        f"{directory}: a repository with the collection {COLLECTION}; next:\n"
        f"pipetask run -b {directory} -i {COLLECTION} -o white --register-dataset-types "
        f"-p {WHITEN}"
    )


def _write(simulation: Simulation, directory: Path) -> None:
    from ..exposure import Exposure, Mask
    from ..io import MatchingKernel, replace_file, write_exposure, write_kernel
    from ..psf import psf_on_grid
    from ..simulate import MASK_PLANES

    for name in ("science", "template", "difference"):
        image = getattr(simulation, name)
        exposure = Exposure(
            image=image,
            mask=Mask(getattr(simulation, f"{name}_mask"), planes=MASK_PLANES),
            variance=getattr(simulation, f"{name}_variance", None),
            psf=psf_on_grid(getattr(simulation, f"{name}_psf"), image.shape),
            metadata={"BUNIT": "electron", "SEED": simulation.seed},
        )
        write_exposure(exposure, directory / f"{name}.fits")
    kernel = MatchingKernel(simulation.kernel, simulation.convolved, scale=1.0)
    write_kernel(kernel, directory / "kernel.fits")
    with replace_file(directory / "truth.ecsv") as file:
        file.write(_source_table(simulation).encode())


def _source_table(simulation: Simulation) -> str:
    """The sources in the ECSV format of astropy."""
    from astropy.table import Table

    table = Table(simulation.sources, meta={"seed": simulation.seed})
    for name, unit in (("x", "pix"), ("y", "pix"), ("flux", "electron")):
        table[name].unit = unit
    text = StringIO()
    table.write(text, format="ascii.ecsv")
    return text.getvalue()
