"""What is to be thought of a whitened image, and what is likely to be wrong if anything is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from .covariance import NoiseCovariance

if TYPE_CHECKING:
    from .agreement import Subtracted

__all__ = ["MeasuredNoise", "Verdict", "verdict"]

Status = Literal["white", "corrected", "suspect", "unknown"]

_SIGNIFICANT = 5.0
# Real skies, whose structure counts as noise, are off by some per cent.
_VARIANCE_ERROR = 0.05
# An input whose sky has so many times the variance that is given, or one part of it, is not
# rightly described. Resampling alone makes less of it, where neighbours go together.
_INPUT_RATIO, _RAW_RATIO = 2.5, 1.25
_RAW_CORRELATION = 0.1
_NOT_CORRECTED = (
    "the noise is not what the inputs say, and that was not corrected for: covariance 'auto' does"
)
# An image that is said to have no noise may have so much of that of another.
_NO_NOISE = 0.01
# How well a variance that stands for something else tells so.
_NEAR = 0.15


class MeasuredNoise(NamedTuple):
    """What was found to be the noise of a whitened image.

    Attributes
    ----------
    covariance : NoiseCovariance or None
        In units of what its variances say; before it was corrected for, if it was. None if nothing
        was measured.
    corrected : bool
        Whether filters and variances take account of it.
    is_blind : bool
        Whether nothing else tells the noise.
    why_not : str
        Why nothing was measured, in words.
    """

    covariance: NoiseCovariance | None = None
    corrected: bool = False
    is_blind: bool = False
    why_not: str = "the noise was not measured"


@dataclass(frozen=True)
class Verdict:
    """What is to be thought of a whitened image.

    Attributes
    ----------
    status : {"white", "corrected", "suspect", "unknown"}
        "white": the noise is what the inputs say; "corrected": it is not, and filters and
        variances take account of what was measured; "suspect": something is likely to be wrong;
        "unknown": nothing was measured.
    summary : str
        The same in words, with numbers.
    causes : tuple of str
        What is likely to be wrong, the likeliest first.
    agreement : float or None
        What is left of the difference when what images and kernel make is taken off, over its
        scatter.
    """

    status: Status
    summary: str
    causes: tuple[str, ...] = ()
    agreement: float | None = None

    @classmethod
    def recorded(cls, metadata: Mapping[str, Any]) -> Verdict:
        """Give the verdict that a task has recorded in its metadata."""
        cause = metadata["cause"]
        return cls(
            metadata["verdict"],
            metadata["verdictSummary"],
            (cause,) if cause else (),
            metadata.get("agreement"),
        )

    @property
    def facts(self) -> dict[str, Any]:
        """The same under the names that headers, tables and tasks have for it."""
        cause = self.causes[0] if self.causes else ""
        return {"verdict": self.status, "cause": cause, "agreement": self.agreement}

    def __str__(self) -> str:
        return "; ".join([f"{self.status}: {self.summary}", *self.causes])


def verdict(noise: MeasuredNoise, means: Sequence[float], subtracted: Subtracted | None) -> Verdict:
    """Judge a whitened image by its noise, and by what it was made of.

    Parameters
    ----------
    noise : MeasuredNoise
        That of the image.
    means : sequence of float
        Mean variances of its sources, science image and template first, as they are given.
    subtracted : Subtracted or None
        What it was made of, if that is known.
    """
    found = None if subtracted is None else subtracted.agreement
    causes = [found.cause] if found is not None and found.cause else []
    scatter = None if found is None else found.scatter
    measured = noise.covariance
    if measured is None or not measured.n_pixels:
        status: Status = "suspect" if causes else "unknown"
        return Verdict(status, noise.why_not, tuple(causes), scatter)
    error = measured.variance * (2.0 / measured.n_pixels) ** 0.5
    off = abs(measured.variance - 1) > max(_SIGNIFICANT * error, _VARIANCE_ERROR)
    if not noise.is_blind and (off or measured.is_significant):
        causes += _misdescribed(measured.variance, means, subtracted)
    if noise.is_blind:
        summary = "filters and variances are those of the noise as it was measured"
    else:
        summary = (
            f"variance over plane {measured.variance:.4g} ± {error:.2g}, on the scale of the PSF "
            f"{measured.psf_scale:.4g} ± {measured.psf_scale_error:.2g}, "
            f"{_correlation(measured.largest_correlation)}"
        )
        if noise.corrected:
            summary += ": measured, and corrected for in filters and variances"
        elif measured.is_significant:
            causes.append(_NOT_CORRECTED)
        if found is None:
            summary += "; the difference was not compared with its images"
    if causes:
        return Verdict("suspect", summary, tuple(causes), scatter)
    return Verdict("corrected" if noise.corrected else "white", summary, (), scatter)


def _correlation(largest: float) -> str:
    return "no correlation" if largest < 0.01 else f"largest correlation {largest:.2g}"


def _misdescribed(ratio: float, means: Sequence[float], subtracted: Subtracted | None) -> list[str]:
    """Which mean variances are not those of their images' pixels, and what they are."""
    if subtracted is not None:
        causes = [
            _of_image(name, mean + subtracted.shared_variance, subtracted, max(means))
            for name, mean in zip(subtracted.terms, means, strict=False)
            if name in subtracted.described
        ]
        return [cause for cause in causes if cause]
    if 1 / _INPUT_RATIO < ratio < _INPUT_RATIO:
        return []
    return [f"the noise has {ratio:.4g} times the variance that is given"]


def _of_image(name: str, given: float, subtracted: Subtracted, largest: float) -> str:
    """What is wrong with the variance of an image, the largest one of all being given as well."""
    # Not for `import whitediff` to wait for.
    from .sky import measured_sky

    image = subtracted.terms[name].image
    try:
        sky = measured_sky(image, subtracted.ignored.get(name))
    except ValueError:
        return ""
    if given == 0 and sky.variance < _NO_NOISE * largest:
        return ""
    limit = _RAW_RATIO if abs(sky.correlation) < _RAW_CORRELATION else _INPUT_RATIO
    if given / limit < sky.variance < limit * given:
        return ""
    meanings = {
        "standard deviations are given, it seems": np.sqrt(sky.variance),
        "weights (inverse variances) are given, it seems": 1 / sky.variance,
    }
    if name == subtracted.convolved:
        height, width = image.shape
        (kernel,) = subtracted.kernels_at(name, [((height - 1) / 2, (width - 1) / 2)])
        passed = float((kernel**2).sum())
        meanings["that of the convolved image is given, it seems"] = sky.variance * passed
    meaning = "another image or unit, it seems"
    for text, value in meanings.items():
        if abs(given / value - 1) < _NEAR:
            meaning = text
    return f"{name} variance is {given:.4g}, its sky has {sky.variance:.4g}: {meaning}"
