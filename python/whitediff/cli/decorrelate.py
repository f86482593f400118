"""The command ``whitediff decorrelate``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from .covariance import default_covariance, input_covariance_value
from .figure import check_figure, check_report
from .files import INPUT, OUTPUT, check_outputs
from .noise import noise_of, noise_options
from .options import (
    again_option,
    compress_option,
    constant_option,
    covariance_option,
    ignore_plane_option,
    mode_option,
    no_value_plane_option,
    overwrite_option,
    plot_option,
    preconvolved_option,
    report_option,
    strict_option,
    threads_option,
    variance_option,
)
from .progress import progress_bar
from .result import show_result

if TYPE_CHECKING:
    from ..subtraction.colour import InputCovariance, Remaining


@click.command()
@click.option("--science", type=INPUT, help="Science image S.")
@click.option("--template", type=INPUT, help="Template image T, before matching.")
@click.option("--difference", type=INPUT, required=True, help="Difference image, S minus T.")
@click.option(
    "--kernel",
    type=INPUT,
    help="Matching kernel: of HOTPANTS (-oki, -hki), SFFT, lsst.afw or whitediff, or an image.",
)
@click.option(
    "-o",
    "--output",
    type=OUTPUT,
    required=True,
    help="Whitened image to write: FITS, plain or as .fits.fz or .fits.gz.",
)
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
@preconvolved_option
@constant_option
@variance_option
@noise_options("science")
@noise_options("template")
@click.option(
    "--difference-mask",
    type=INPUT,
    help="Mask of the difference, if it has a file of its own.",
)
@covariance_option
@click.option(
    "--science-covariance",
    callback=input_covariance_value,
    metavar="KERNEL[:Y,X]|FILE",
    help="How the noise of neighbouring science pixels goes together: the interpolation that they "
    "went through (lanczos3, bilinear, ..., the mean over phases as after a rotation or in a "
    "coadd), that of one shift by a fraction of a pixel in y and x (lanczos3:0.25,0.4), both for "
    "variances of the resampled pixels; or a FITS image of lags in units of their variance.  "
    "[default: they are independent]",
)
@click.option(
    "--template-covariance",
    callback=input_covariance_value,
    metavar="KERNEL[:Y,X]|FILE",
    help="The same of the template.",
)
@click.option(
    "--shared-variance",
    type=float,
    default=0.0,
    metavar="NUMBER",
    help="Variance of noise that science image and template have in common, a part of both "
    "variances: 1/N of that of the science image if it is one of N whose mean is the template.  "
    "[default: 0; what is not said is measured]",
)
@click.option(
    "--psf",
    type=INPUT,
    help="PSF of the difference (preconvolved: of the science image), as an image or a spatial "
    "kernel.  [default: the PSF that an image file holds, if any]",
)
@ignore_plane_option
@no_value_plane_option
@threads_option
@click.option(
    "--config",
    type=INPUT,
    help="Configuration of DecorrelateALKernelSpatialTask, which does the work then, with all "
    "images in memory: Python code that changes 'config', as lsst.pex.config reads it. It is run: "
    "give only what you trust.",
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
@compress_option
@overwrite_option
@plot_option
@report_option
@again_option
@strict_option
@click.pass_context
def decorrelate(
    context: click.Context,
    /,
    science: Path | None,
    template: Path | None,
    difference: Path,
    kernel: Path | None,
    output: Path,
    convolved: Literal["template", "science"] | None,
    scale: float | None,
    mode: Literal["difference", "score"],
    preconvolved: bool,
    constant: bool,
    variance: Literal["estimate", "full"] | None,
    science_mask: Path | None,
    template_mask: Path | None,
    difference_mask: Path | None,
    shared_variance: float,
    covariance: Remaining | Path | None,
    science_covariance: InputCovariance | None,
    template_covariance: InputCovariance | None,
    psf: Path | None,
    ignore_planes: tuple[str, ...],
    no_value_planes: tuple[str, ...],
    threads: int | None,
    config: Path | None,
    overrides: tuple[str, ...],
    save_metadata: Path | None,
    overwrite: bool,
    plot: Path | None,
    report: Path | None,
    again: bool,
    strict: bool,
    compress: float | None,
    **noise: float | Path | None,
) -> None:
    """Make the noise of a difference image white again.

    The images are FITS files on one pixel grid, FILE[EXT] being one image of a file that has
    several: FILE[SCI,2], FILE[3]. The result has an image, the mask of the
    difference, the variance of each pixel, the PSF if it is known, what is known of the covariance
    of neighbouring pixels, and keywords WD... that say how it was made. In mode score it has,
    besides, what 'whitediff detect' reads: for a point source at every pixel its significance, its
    flux and the error of that.

    With neither science image nor template nor kernel, the noise is measured on the difference
    itself.
    """
    from ..options import WhitenOptions
    from ..subtraction import Job, whiten_files

    job = Job(
        science=science,
        template=template,
        difference=difference,
        kernel=kernel,
        output=output,
        convolved=convolved,
        scale=scale,
        science_variance=noise_of("science", noise),
        template_variance=noise_of("template", noise),
        science_mask=science_mask,
        template_mask=template_mask,
        difference_mask=difference_mask,
        shared_variance=shared_variance,
        covariance=covariance,
        science_covariance=science_covariance,
        template_covariance=template_covariance,
        psf=psf,
        preconvolved=preconvolved,
        ignore_planes=ignore_planes,
        no_value_planes=no_value_planes,
        options=WhitenOptions(
            mode=mode,
            spatially_varying=not constant,
            variance=variance,
            n_threads=threads or 0,
        ),
        overwrite=overwrite,
        again=again,
        compress=compress,
    )
    check_outputs(
        [path for path in (output, plot, report, save_metadata) if path is not None],
        [*job.inputs, *([config] if config is not None else [])],
        overwrite=overwrite,
    )
    if plot is not None:
        check_figure(plot)
    if report is not None:
        check_report(report)
    task = None
    if config is None and not overrides and save_metadata is None:
        if covariance is None:
            chosen = default_covariance(blind=job.is_blind, preconvolved=preconvolved)
            job = replace(job, covariance=chosen)
    else:
        from ..subtraction.with_task import write_metadata
        from .configuration import configured_task, task_settings

        settings = task_settings(
            variance=variance,
            threads=threads,
            covariance=covariance,
            ignore_planes=ignore_planes,
        )
        task = configured_task(config, overrides, settings, constant=constant)

    with progress_bar("whitening") as progress:
        whitened = whiten_files(job, progress, task)
    if task is not None and save_metadata is not None:
        write_metadata(task, save_metadata, overwrite=overwrite)
    show_result(context, whitened, plot, report, overwrite=overwrite, strict=strict)
