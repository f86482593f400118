"""The command ``whitediff decorrelate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from .errors import writing
from .figure import check_figure, write_figure
from .files import INPUT, OUTPUT, check_outputs, variance_value
from .masks import check_planes, ignore_plane_option, left_out
from .progress import progress_bar

if TYPE_CHECKING:
    from .subtraction import Subtraction


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
@click.option(
    "--mode",
    type=click.Choice(["difference", "score"]),
    default="difference",
    show_default=True,
    help="'score': the difference is S correlated with its PSF, minus T matched to that; it "
    "becomes the optimal detection image.",
)
@click.option("--constant", is_flag=True, help="One filter for the whole frame.")
@click.option(
    "--variance",
    type=click.Choice(["estimate", "full"]),
    help="How variance planes are propagated: scaled, or convolved with the squared filter.  "
    "[default: estimate]",
)
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
    files = {"science": science, "template": template, "difference": difference, "kernel": kernel}
    others = [science_variance, template_variance, psf, config]
    check_outputs(
        [path for path in (output, plot, save_metadata) if path is not None],
        [*files.values(), *(path for path in others if isinstance(path, Path))],
        overwrite=overwrite,
    )

    import whitediff

    from .noise import input_noise
    from .outcome import outcome_of_function
    from .provenance import whitened_header
    from .subtraction import read_subtraction

    if plot is not None:
        check_figure(plot)
    task = None
    if config is not None or overrides or save_metadata is not None:
        from .configuration import configured_task, worker_of
        from .task import outcome_of_task, write_metadata

        settings: dict[str, tuple[str, Any]] = {}
        if variance is not None:
            full = variance == "full"
            settings["completeVarPlanePropagation"] = (f"--variance {variance}", full)
        if threads is not None:
            settings["nThreads"] = (f"--threads {threads}", threads)
        if ignore_planes:
            settings["ignoreMaskPlanes"] = ("--ignore-plane", list(ignore_planes))
        task = configured_task(config, overrides, settings, constant=constant)

    subtraction = read_subtraction(**files, convolved=convolved, scale=scale)
    exposures = (subtraction.science, subtraction.template, subtraction.difference)
    planes = check_planes(ignore_planes, exposures)
    propagation = variance or "estimate"
    if task is not None:
        used = worker_of(task, constant=constant).config
        planes = tuple(used.ignoreMaskPlanes)
        propagation = "full" if used.completeVarPlanePropagation else "estimate"
    masks = [left_out(exposure, planes) for exposure in exposures]
    noise = {
        "science": input_noise(science_variance, subtraction.science, science, masks[0]),
        "template": input_noise(template_variance, subtraction.template, template, masks[1]),
    }
    psf_of_difference = _psf(psf, subtraction, mode)
    with progress_bar("whitening") as progress:
        if task is not None:
            outcome = outcome_of_task(
                task,
                subtraction,
                noise,
                mode=mode,
                constant=constant,
                psf=psf_of_difference,
                progress=progress,
            )
        else:
            result = whitediff.decorrelate(
                subtraction.difference.image.array,
                noise["science"].variance,
                noise["template"].variance,
                subtraction.kernel,
                convolved=subtraction.convolved,
                mode=mode,
                spatially_varying=not constant,
                variance=propagation,
                scale=subtraction.scale,
                science_mask=masks[0],
                template_mask=masks[1],
                mask=masks[2],
                psf=psf_of_difference,
                xy0=tuple(subtraction.difference.getXY0()),
                n_threads=threads or 0,
                progress=progress,
            )
            outcome = outcome_of_function(subtraction.difference, result)
    header = whitened_header(
        subtraction, outcome.facts, noise, files, mode=mode, propagation=propagation
    )
    whitened = outcome.exposure
    whitened.setMetadata(header)
    with writing(output):
        whitened.write(output, overwrite=overwrite)
    if task is not None and save_metadata is not None:
        write_metadata(task, save_metadata, overwrite=overwrite)
    if plot is not None:
        write_figure(
            plot,
            [("before", subtraction.difference), ("after", whitened)],
            planes,
            overwrite=overwrite,
            whitened=outcome.whitened,
        )
    for name, keyword in (("science", "WDSVAR"), ("template", "WDTVAR")):
        number = f" {header[keyword]:.6g}" if keyword in header else ""
        click.echo(f"{name} variance{number}: {noise[name].description}")
    border = f" with a border of {header['WDBORDER']} pixels" if "WDBORDER" in header else ""
    click.echo(f"{output}: whitened in {header['WDCELLS']} cells{border}")


def _psf(path: Path | None, subtraction: Subtraction, mode: str) -> Any:
    """PSF of the difference, or of the science image in mode "score"; None if not known."""
    if path is not None:
        from ..io import read_kernel

        return read_kernel(path).kernel
    science, template = subtraction.science.psf, subtraction.template.psf
    if mode == "score":
        if science is None:
            raise ValueError("mode score needs the PSF of the science image: give --psf FILE")
        return science
    unconvolved = science if subtraction.convolved == "template" else template
    return subtraction.difference.psf or unconvolved
