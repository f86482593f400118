"""The command ``whitediff whiten``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from .covariance import default_covariance
from .figure import check_figure, check_report
from .files import INPUT, OUTPUT, check_outputs
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
    report_option,
    strict_option,
    threads_option,
    variance_option,
)
from .progress import progress_bar
from .result import show_result

if TYPE_CHECKING:
    from ..subtraction.colour import Remaining


@click.command()
@click.argument("image", type=INPUT)
@click.option(
    "--inputs",
    type=INPUT,
    required=True,
    help="Table (CSV or ECSV) with a row for each image that went into IMAGE.",
)
@click.option("-o", "--output", type=OUTPUT, required=True, help="Whitened image to write.")
@mode_option
@constant_option
@variance_option
@covariance_option
@click.option(
    "--psf",
    type=INPUT,
    help="PSF of IMAGE, as an image or a spatial kernel.  [default: the PSF that it holds, if any]",
)
@ignore_plane_option
@no_value_plane_option
@threads_option
@compress_option
@overwrite_option
@plot_option
@report_option
@again_option
@strict_option
@click.pass_context
def whiten(
    context: click.Context,
    image: Path,
    inputs: Path,
    output: Path,
    mode: Literal["difference", "score"],
    constant: bool,
    variance: Literal["estimate", "full"] | None,
    covariance: Remaining | Path | None,
    psf: Path | None,
    ignore_planes: tuple[str, ...],
    no_value_planes: tuple[str, ...],
    threads: int | None,
    compress: float | None,
    overwrite: bool,
    plot: Path | None,
    report: Path | None,
    again: bool,
    strict: bool,
) -> None:
    """Make the noise of IMAGE white again: any linear combination of images.

    Cross-convolved differences, differences of stacks, coadds of images that were matched. The
    table of --inputs has the column 'file', and where they are needed 'variance' (of the raw
    pixels, a number or a file; or 'sigma', or 'inverse_variance'; default: the plane of noise, or
    else measured in the sky), 'mask' (a file), 'kernels' (files of what the image was convolved
    with, with semicolons between them), 'weight' (default 1), 'sign' (+ or -), 'covariance' (as
    --science-covariance of decorrelate) and 'variance_factor' (1.57 for each of many images of
    which the median was taken, which is no linear combination). Files are named from where the
    table is.
    """
    from ..options import WhitenOptions
    from ..subtraction import Job, whiten_files
    from .inputs import read_inputs

    job = Job(
        difference=image,
        combined=read_inputs(inputs),
        output=output,
        covariance=default_covariance(blind=False, preconvolved=False)
        if covariance is None
        else covariance,
        psf=psf,
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
    outputs = [path for path in (output, plot, report) if path is not None]
    check_outputs(outputs, [*job.inputs, inputs], overwrite=overwrite)
    if plot is not None:
        check_figure(plot)
    if report is not None:
        check_report(report)
    with progress_bar("whitening") as progress:
        whitened = whiten_files(job, progress)
    show_result(context, whitened, plot, report, overwrite=overwrite, strict=strict)
