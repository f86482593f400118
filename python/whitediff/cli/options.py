"""Options that commands share."""

from __future__ import annotations

import click

from ..exposure import IGNORED_MASK_PLANES
from .covariance import remaining_value
from .files import OUTPUT

__all__ = [
    "again_option",
    "compress_option",
    "constant_option",
    "covariance_option",
    "ignore_plane_option",
    "mode_option",
    "no_value_plane_option",
    "overwrite_option",
    "plot_option",
    "preconvolved_option",
    "quantization",
    "report_option",
    "strict_option",
    "threads_option",
    "variance_option",
]


def quantization(text: str) -> float:
    """Read how an image is compressed: ``q=NUMBER``, or ``lossless``, which is 0.

    Raises
    ------
    ValueError
        If it is neither.
    """
    try:
        if text == "lossless":
            return 0.0
        if text.startswith("q=") and (steps := float(text.removeprefix("q="))) >= 1:
            return steps
    except ValueError:
        pass
    raise ValueError(f"expected lossless, or q=NUMBER of 1 or more, got '{text}'")


def _quantization(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> float | None:
    try:
        return None if value is None else quantization(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


mode_option = click.option(
    "--mode",
    type=click.Choice(["difference", "score"]),
    default="difference",
    show_default=True,
    help="'score': the optimal detection image, with significance and flux of a point source at "
    "every pixel.",
)

preconvolved_option = click.option(
    "--preconvolved",
    is_flag=True,
    help="Mode score: the difference is S correlated with its PSF, minus T matched to that.",
)

compress_option = click.option(
    "--compress",
    callback=_quantization,
    metavar="lossless|q=NUMBER",
    help="How an output named .fits.fz is compressed: to the last bit, or the image in steps of "
    "its noise over NUMBER, dithered, which adds 1 / (12 NUMBER²) of its variance; mask and "
    "variance are always lossless.  [default: lossless]",
)

constant_option = click.option("--constant", is_flag=True, help="One filter for the whole frame.")

variance_option = click.option(
    "--variance",
    type=click.Choice(["estimate", "full"]),
    help="How variance planes are propagated: scaled, or convolved with the squared filter.  "
    "[default: estimate; full in mode score]",
)

covariance_option = click.option(
    "--covariance",
    callback=remaining_value,
    metavar="auto|measured|none|FILE",
    help="What remains of the noise's colour, as where inputs were resampled or share data: "
    "'auto' measures it on the whitened image, and whitens with it if it is beyond doubt; "
    "'measured' does so in any case; FILE: a FITS image of lags, or a whitened image.  "
    "[default: auto; measured if nothing else tells the noise; none for a likelihood image]",
)

ignore_plane_option = click.option(
    "--ignore-plane",
    "ignore_planes",
    multiple=True,
    metavar="NAME",
    help="Mask plane whose pixels all statistics leave out; may be given several times.  "
    f"[default: {', '.join(IGNORED_MASK_PLANES)}, FILTER_EDGE, where they exist]",
)

no_value_plane_option = click.option(
    "--no-value-plane",
    "no_value_planes",
    multiple=True,
    metavar="NAME",
    help="Mask plane of the difference whose pixels have no value: the filter does not see them, "
    "and they become NaN; may be given several times.  [default: NO_DATA, where it exists]",
)

threads_option = click.option(
    "--threads",
    type=click.IntRange(min=0),
    metavar="N",
    help="Number of threads.  [default: cores that the process may use, at most OMP_NUM_THREADS]",
)

overwrite_option = click.option("--overwrite", is_flag=True, help="Replace files that exist.")

plot_option = click.option(
    "--plot",
    type=OUTPUT,
    help="Figure of before and after to write (png, pdf, svg); it needs both in memory.",
)

report_option = click.option(
    "--report",
    type=OUTPUT,
    help="Page to write (html) that shows the result: verdict, detections before and after, noise "
    "over the frame, filters, and how it was made. It needs no network, and little memory.",
)

again_option = click.option(
    "--again", is_flag=True, help="Whiten even what seems to be white already."
)

strict_option = click.option(
    "--strict", is_flag=True, help="End with exit status 3 if something is likely to be wrong."
)
