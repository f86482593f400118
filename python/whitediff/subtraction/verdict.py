"""What is to be thought of a whitened image, and what is likely to be wrong if anything is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .agreement import Agreement
from .facts import Facts
from .inputs import Inputs
from .noise import measured_sky

__all__ = ["Verdict", "verdict"]

_SIGNIFICANT = 5.0
# Real skies, whose structure counts as noise, are off by some per cent.
_VARIANCE_ERROR = 0.05
# An input whose sky has so many times the variance that is given, or one part of it, is not
# rightly described; resampling alone makes less.
_INPUT_RATIO = 2.5
# How well a variance that stands for something else tells so.
_NEAR = 0.15


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

    status: Literal["white", "corrected", "suspect", "unknown"]
    summary: str
    causes: tuple[str, ...] = ()
    agreement: float | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """The same under the names that `Facts` has for it."""
        cause = self.causes[0] if self.causes else ""
        return {"verdict": self.status, "cause": cause, "agreement": self.agreement}

    def __str__(self) -> str:
        return "; ".join([f"{self.status}: {self.summary}", *self.causes])


def verdict(facts: Facts, inputs: Inputs, agreement: Agreement | None) -> Verdict:
    """Judge a result by what was measured on it, and on what it was made of.

    Parameters
    ----------
    facts : Facts
        How the image was whitened.
    inputs : Inputs
        What it was made of, still open.
    agreement : Agreement or None
        How far the difference is what images and kernel make.
    """
    causes = [agreement.cause] if agreement is not None and agreement.cause else []
    scatter = None if agreement is None else agreement.scatter
    pixels, variance = facts.covariance_pixels, facts.covariance_variance
    if not pixels or variance is None:
        status: Literal["suspect", "unknown"] = "suspect" if causes else "unknown"
        return Verdict(status, "the noise was not measured", tuple(causes), scatter)
    error = variance * (2.0 / pixels) ** 0.5
    off = abs(variance - 1)
    subtraction = inputs.subtraction
    if subtraction.pair is not None and off > _SIGNIFICANT * error and off > _VARIANCE_ERROR:
        for name in subtraction.images:
            causes += _misdescribed(name, getattr(facts, f"{name}_variance"), inputs)
    if "difference" in subtraction.images:
        summary = "filters and variances are those of the noise as it was measured"
    else:
        summary = (
            f"variance over plane {variance:.4g} ± {error:.2g}, on the scale of the PSF "
            f"{facts.covariance_psf_scale:.4g} ± {facts.covariance_psf_scale_error:.2g}, "
            f"{_correlation(facts.covariance_largest or 0.0)}"
        )
        if facts.covariance_applied:
            summary += ": measured, and corrected for in filters and variances"
    if causes:
        return Verdict("suspect", summary, tuple(causes), scatter)
    return Verdict("corrected" if facts.covariance_applied else "white", summary, (), scatter)


def _correlation(largest: float) -> str:
    return "no correlation" if largest < 0.01 else f"largest correlation {largest:.2g}"


def _misdescribed(name: str, given: float | None, inputs: Inputs) -> list[str]:
    """What the mean variance of an input is, if it is not that of its pixels."""
    subtraction = inputs.subtraction
    pair = subtraction.pair
    if pair is None or inputs.noise[name].origin == "sky" or not given:
        return []
    try:
        sky = measured_sky(getattr(pair, name).image, inputs.ignored[name]).variance
    except ValueError:
        return []
    if given / _INPUT_RATIO < sky < _INPUT_RATIO * given:
        return []
    meanings = {
        "standard deviations are given, it seems": np.sqrt(sky),
        "weights (inverse variances) are given, it seems": 1 / sky,
    }
    if name == pair.convolved:
        (height, width), (x0, y0) = subtraction.difference.shape, subtraction.difference.xy0
        middle = np.array([x0 + (width - 1) / 2]), np.array([y0 + (height - 1) / 2])
        passed = float((pair.kernel.evaluate(*middle) ** 2).sum())
        meanings["that of the convolved image is given, it seems"] = sky * passed
    meaning = "another image or unit, it seems"
    for text, value in meanings.items():
        if abs(given / value - 1) < _NEAR:
            meaning = text
    return [f"{name} variance is {given:.4g}, its sky has {sky:.4g}: {meaning}"]
