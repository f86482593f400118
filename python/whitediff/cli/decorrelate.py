"""The command ``whitediff decorrelate``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import click

from .figure import check_figure, write_figure
from .files import INPUT, OUTPUT, check_outputs, variance_value
from .options import constant_option, ignore_plane_option, mode_option, variance_option
from .progress import progress_bar


@click.command()
@click.option("--science", type=INPUT, required=True, help="Science image S.")
@click.option("--template", type=INPUT, required=True, help="Template image T, before matching.")
@click.option("--difference", type=INPUT, required=True, help="Difference image, S minus T.")
@click.option(
    "--kernel",
    type=INPUT,
    required=True,
    help="Matching kernel: of HOTPANTS (-oki, -hki), SFFT, lsst.afw or whitediff, or an image.",
)
@click.option("-o", "--output", type=OUTPUT, required=True, help="Whitened image to write.")
@click.option(
    "--convolved",
    type=click.Choice(["template", "science"]),
    help="Image that was convolved with the kernel.  [default: as the files say, or template]",
)
@click.option(
    "--scale",
    type=float,
    metavar="NUMBER",
    help="Factor by which the difference was multiplied after the subtraction.  [default: as the "
    "kernel file says; or 1 if the template was convolved, 1 / kernel sum if the science image]",
)
@mode_option
@constant_option
@variance_option
@click.option(
    "--science-variance",
    callback=variance_value,
    metavar="NUMBER|FILE",
    help="Variance of the raw science pixels, in squared image units.  [default: the variance "
    "plane of the image, or else measured in its sky]",
)
@click.option(
    "--template-variance",
    callback=variance_value,
    metavar="NUMBER|FILE",
    help="The same of the template.",
)
@click.option(
    "--psf",
    type=INPUT,
    help="PSF of the difference (mode score: of the science image), as an image or a spatial "
    "kernel.  [default: the PSF that an image file holds, if any]",
)
@ignore_plane_option
@click.option(
    "--threads",
    type=click.IntRange(min=0),
    metavar="N",
    help="Number of threads.  [default: all cores]",
)
@click.option(
    "--stream",
    is_flag=True,
    help="Read and write rows as they are needed: for images larger than memory. The result is "
    "the same.",
)
@click.option(
    "--config",
    type=INPUT,
    help="Configuration of DecorrelateALKernelSpatialTask, which does the work then: Python code "
    "that changes 'config', as lsst.pex.config reads it.",
)
@click.option(
    "-c",
    "--config-override",
    "overrides",
    multiple=True,
    metavar="NAME=VALUE",
    help="One field of the same; may be given several times.",
)
@click.option(
    "--save-metadata",
    type=OUTPUT,
    help="JSON file for what that task records: variances, cells, timings.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--plot", type=OUTPUT, help="Figure of before and after to write (png, pdf, svg).")
def decorrelate(
    science: Path,
    template: Path,
    difference: Path,
    kernel: Path,
    output: Path,
    convolved: Literal["template", "science"] | None,
    scale: float | None,
    mode: Literal["difference", "score"],
    constant: bool,
    variance: Literal["estimate", "full"] | None,
    science_variance: float | Path | None,
    template_variance: float | Path | None,
    psf: Path | None,
    ignore_planes: tuple[str, ...],
    threads: int | None,
    stream: bool,
    config: Path | None,
    overrides: tuple[str, ...],
    save_metadata: Path | None,
    overwrite: bool,
    plot: Path | None,
) -> None:
    """Make the noise of a difference image white again.

    The images are FITS files on one pixel grid. The result has an image, the mask of the
    difference, the variance of each pixel, the PSF if it is known, and keywords WD... that say
    how it was made.
    """
    from .whitening import Whitening, whiten_files

    whitening = Whitening(
        science=science,
        template=template,
        difference=difference,
        kernel=kernel,
        output=output,
        convolved=convolved,
        scale=scale,
        mode=mode,
        constant=constant,
        variance=variance or "estimate",
        science_variance=science_variance,
        template_variance=template_variance,
        psf=psf,
        ignore_planes=ignore_planes,
        threads=threads or 0,
        overwrite=overwrite,
    )
    check_outputs(
        [path for path in (output, plot, save_metadata) if path is not None],
        [*whitening.inputs, *([config] if config is not None else [])],
        overwrite=overwrite,
    )
    with_task = config is not None or overrides or save_metadata is not None
    if stream and (with_task or plot is not None):
        raise click.UsageError(
            "--stream cannot be combined with --plot, nor with --config, --config-override or "
            "--save-metadata"
        )
    if plot is not None:
        check_figure(plot)
    if stream:
        from .streaming import whiten_stream

        with progress_bar("whitening") as progress:
            header, noise = whiten_stream(whitening, progress)
        _tell(header, noise, output)
        return
    task = None
    if with_task:
        from .configuration import configured_task
        from .task import write_metadata

        settings: dict[str, tuple[str, Any]] = {}
        if variance is not None:
            full = variance == "full"
            settings["completeVarPlanePropagation"] = (f"--variance {variance}", full)
        if threads is not None:
            settings["nThreads"] = (f"--threads {threads}", threads)
        if ignore_planes:
            settings["ignoreMaskPlanes"] = ("--ignore-plane", list(ignore_planes))
        task = configured_task(config, overrides, settings, constant=constant)

    with progress_bar("whitening") as progress:
        whitened = whiten_files(whitening, progress, task=task)
    if task is not None and save_metadata is not None:
        write_metadata(task, save_metadata, overwrite=overwrite)
    if plot is not None:
        write_figure(
            plot,
            [("before", whitened.subtraction.difference), ("after", whitened.outcome.exposure)],
            whitened.planes,
            overwrite=overwrite,
            whitened=whitened.outcome.whitened,
        )
    _tell(whitened.header, whitened.noise, output)


def _tell(header: Any, noise: Mapping[str, Any], output: Path) -> None:
    """Say what was done."""
    for name, keyword in (("science", "WDSVAR"), ("template", "WDTVAR")):
        number = f" {header[keyword]:.6g}" if keyword in header else ""
        click.echo(f"{name} variance{number}: {noise[name].description}")
    border = f" with a border of {header['WDBORDER']} pixels" if "WDBORDER" in header else ""
    click.echo(f"{output}: whitened in {header['WDCELLS']} cells{border}")
