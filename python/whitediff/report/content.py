"""What a page says of a whitened image: measured, found, and made ready for the template."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import numpy as np
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from .._core import __version__
from ..io.exposure_rows import ExposureRows, open_exposure
from ..statistics import with_error
from ..subtraction import WhitenedFile
from ..subtraction.catalogue import is_dipole
from ..subtraction.files import Subtraction, open_subtraction
from ..subtraction.masks import left_out_rows
from ..subtraction.psf import input_psf
from ..wcs_cards import equatorial
from ..whitening import Whitening
from .alarms import expected_by_chance, without_counterpart
from .drawing import data_uri
from .figure import FILTER_COLOURS, FILTER_NORM, nine_filters, shown_filter
from .looks import Look, flags_of, looks, psf_in_middle, usable_area
from .panels import alarms_panel, map_panel, power_panel
from .stamps import Place, places, residual
from .survey import Survey, survey

__all__ = ["content"]

Floats = NDArray[np.float64]
Noise = Mapping[str, Survey]
Looks = Mapping[str, Look]

# From where the number expected by chance holds.
_THRESHOLDS = np.arange(3.2, 8.05, 0.05)
_STAMP_SIGMAS = 6.0
# A table is as long as somebody may read.
_MOST_ROWS = 200
# Colours of maps go so far from white noise at least.
_LEAST_REACH = 0.05
# Quantities of a survey: what they are called, and what they are of white noise.
_QUANTITIES = {
    "variance": ("Variance of pixels over the plane", 1.0),
    "psf_scale": ("Noise on the scale of a star over the plane", 1.0),
    "correlation": ("Correlation of neighbouring pixels", 0.0),
}
_SIGMA_OF_MAD = 1.4826


def content(whitened: WhitenedFile, threshold: float) -> dict[str, Any]:
    """Measure and draw all that the page shows.

    Parameters
    ----------
    whitened : WhitenedFile
        The image, whose files must still be there.
    threshold : float
        Least absolute significance of a detection.
    """
    job = whitened.job
    with open_subtraction(job) as subtraction, open_exposure(job.output) as after:
        noise = _noise(whitened, subtraction, after)
        with looks(whitened, subtraction, after, noise) as seen:
            return {
                "name": job.output.name,
                "is_score": job.options.mode == "score",
                "is_blind": job.is_blind,
                "is_preconvolved": job.preconvolved,
                "threshold": threshold,
                "sigmas": _STAMP_SIGMAS,
                "verdict": whitened.verdict,
                "notices": [*whitened.assumptions, *whitened.facts.notices],
                "tiles": _tiles(noise),
                "maps": _maps(noise, after.shape),
                **_figures(whitened, noise),
                **_of_sources(after, seen, threshold),
                **_of_places(subtraction, seen, threshold, after.shape),
                **_making(whitened),
            }


def _noise(whitened: WhitenedFile, subtraction: Subtraction, after: ExposureRows) -> Noise:
    """Noise before and after over the variance plane; nothing where that cannot be told."""
    # The noise of a score is not meant to be white.
    if whitened.job.options.mode == "score" or after.variance is None:
        return {}
    ignored = left_out_rows(after, whitened.planes)
    images = {
        "before": (subtraction.difference.image, input_psf(whitened.job, subtraction)),
        "after": (after.image, after.psf),
    }
    # A frame may have no blank sky.
    with suppress(ValueError):
        return {
            name: survey(image, after.variance, ignored, psf_in_middle(psf, after))
            for name, (image, psf) in images.items()
        }
    return {}


def _tiles(noise: Noise) -> list[dict[str, str]]:
    if not noise:
        return []
    return [
        {
            "label": label,
            "before": with_error(*noise["before"].number(quantity)),
            "after": with_error(*noise["after"].number(quantity)),
            "white": f"{white:g}",
        }
        for quantity, (label, white) in _QUANTITIES.items()
    ]


def _maps(noise: Noise, shape: tuple[int, int]) -> list[dict[str, Any]]:
    maps = []
    for quantity, (label, white) in _QUANTITIES.items() if noise else ():
        values = {name: one.map(quantity) for name, one in noise.items()}
        known = np.concatenate([shown[np.isfinite(shown)] for shown, _ in values.values()])
        reach = max(_LEAST_REACH, float(abs(known - white).max(initial=0)))
        panels = []
        for name, (shown, errors) in values.items():
            scatter, expected = np.nanstd(shown), np.sqrt(np.nanmean(errors**2))
            numbers = f"scatter from mesh to mesh {scatter:.2g}, of white noise {expected:.2g}"
            text = f"{label}, {name}: map of {shown.shape[0]} by {shown.shape[1]} meshes"
            panels.append(
                {
                    "name": name,
                    "figure": map_panel(shown, shape, white, reach, text),
                    "numbers": numbers,
                }
            )
        maps.append({"label": label, "panels": panels})
    return maps


def _figures(whitened: WhitenedFile, noise: Noise) -> dict[str, Any]:
    """Noise power and filters, if there is anything to draw."""
    whitening = whitened.whitening
    return {
        "power": power_panel(noise["before"].mean, noise["after"].mean, whitening)
        if noise
        else None,
        "has_model": whitening is not None,
        "filters": [] if whitening is None else _filters(whitening),
        "n_filters": whitened.facts.filters,
    }


def _filters(whitening: Whitening) -> list[list[dict[str, Any]]]:
    """Rows of filters, from the top of the frame."""
    return [
        [
            {
                "place": "{:.0f}, {:.0f}".format(*whitening.cells.centers[n]),
                "image": data_uri(shown_filter(whitening.filters[n]), FILTER_COLOURS, FILTER_NORM),
            }
            for n in row
        ]
        for row in nine_filters(whitening)[::-1]
    ]


def _of_sources(after: ExposureRows, seen: Looks, threshold: float) -> dict[str, Any]:
    """What was found, and what chance makes."""
    found = {name: look.found for name, look in seen.items()}
    power, area = seen["after"].significance.noise_power, usable_area(after)
    by_chance = 2 * expected_by_chance(power, area, np.array([threshold]))[0]
    rows = _rows(after, seen, threshold)
    return {
        "n_found": {name: int(one.beyond(threshold).sum()) for name, one in found.items()},
        "by_chance": f"{by_chance:.2g}",
        "area": area,
        "how": {name: look.how for name, look in seen.items()},
        "alarms": alarms_panel(
            _THRESHOLDS,
            found.get("before"),
            found["after"],
            expected_by_chance(power, area, _THRESHOLDS),
            threshold,
        ),
        "sources": rows[:_MOST_ROWS],
        "n_more": max(0, len(rows) - _MOST_ROWS),
        "has_sky": _sky(after, np.zeros(1), np.zeros(1)) is not None,
        "unit": str(after.metadata.get("BUNIT") or "adu"),
    }


def _rows(after: ExposureRows, seen: Looks, threshold: float) -> list[dict[str, Any]]:
    """Detections, the surest first."""
    all_sources = seen["after"].found.sources
    sources = all_sources[abs(all_sources["significance"]) > threshold]
    sources = sources[np.argsort(-abs(sources["significance"]))]
    flags = flags_of(after, sources) | {"dipole": is_dipole(sources)}
    x, y = (sources[name] + origin for name, origin in zip("xy", after.xy0, strict=True))
    sky = _sky(after, x, y)
    new = np.zeros(len(sources), bool)
    if "before" in seen:
        before = seen["before"].found.sources
        new = without_counterpart(sources, before[abs(before["significance"]) > threshold])
    return [
        {
            "x": f"{x[n]:.2f}",
            "y": f"{y[n]:.2f}",
            "sky": None if sky is None else [f"{axis[n]:.6f}" for axis in sky],
            "flux": with_error(float(source["flux"]), float(source["flux_error"])),
            "flux_value": float(source["flux"]),
            "significance": f"{source['significance']:.1f}",
            "flags": ", ".join(name.replace("_", " ") for name in flags if flags[name][n]),
            "is_new": bool(new[n]),
        }
        for n, source in enumerate(sources)
    ]


def _sky(after: ExposureRows, x: Floats, y: Floats) -> tuple[Floats, Floats] | None:
    if after.wcs is None or not after.wcs.has_celestial:
        return None
    ra, dec = equatorial(after.wcs, x, y)
    return np.asarray(ra), np.asarray(dec)


def _of_places(
    subtraction: Subtraction, seen: Looks, threshold: float, shape: tuple[int, int]
) -> dict[str, Any]:
    """Parts of the frame to look at."""
    before = seen["before"].found if "before" in seen else None
    chosen = places(before, seen["after"].found, threshold, shape)
    return {
        "stamps": [_stamp(place, seen, threshold) for place in chosen],
        "residuals": [
            _residual(place, subtraction) for place in chosen if subtraction.pair is not None
        ],
    }


def _stamp(place: Place, seen: Looks, threshold: float) -> dict[str, Any]:
    """A part in S/N, with what is beyond the threshold."""
    y0, y1, x0, x1 = place.box
    panels = []
    for name, look in seen.items():
        planes = look.significance.point_sources(place.box)
        sources = look.found.sources
        inside = abs(sources["significance"]) > threshold
        inside &= (sources["x"] > x0) & (sources["x"] < x1 - 1)
        inside &= (sources["y"] > y0) & (sources["y"] < y1 - 1)
        circles = [
            {
                # In the coordinates of the picture, whose first row is at the top.
                "x": round(float(source["x"]) - x0 + 0.5, 2),
                "y": round(y1 - float(source["y"]) - 0.5, 2),
                "kind": "doubtful" if marked else "plus" if source["flux"] > 0 else "minus",
                "significance": f"{source['significance']:.1f}",
            }
            for source, marked in zip(sources[inside], look.found.marked[inside], strict=True)
        ]
        panels.append({"name": name, "image": _grey(planes.significance, 1.0), "circles": circles})
    return _described(place, panels)


def _residual(place: Place, subtraction: Subtraction) -> dict[str, Any]:
    difference, rest = residual(subtraction, place.box)
    level = np.nanmedian(difference) if np.isfinite(difference).any() else 0.0
    off = abs(difference - level)
    sigma = _SIGMA_OF_MAD * float(np.nanmedian(off)) if np.isfinite(off).any() else 1.0
    panels = [
        {"name": name, "image": _grey(pixels, sigma or 1.0), "circles": []}
        for name, pixels in (("difference", difference - level), ("left", rest))
    ]
    return _described(place, panels)


def _described(place: Place, panels: list[dict[str, Any]]) -> dict[str, Any]:
    y0, y1, x0, x1 = place.box
    return {
        "why": place.why,
        "x": (x0 + x1) // 2,
        "y": (y0 + y1) // 2,
        "width": x1 - x0,
        "height": y1 - y0,
        "panels": panels,
    }


def _grey(pixels: NDArray[Any], sigma: float) -> str:
    return data_uri(np.asarray(pixels) / sigma, "gray", Normalize(-_STAMP_SIGMAS, _STAMP_SIGMAS))


def _making(whitened: WhitenedFile) -> dict[str, Any]:
    """How the image was made."""
    job = whitened.job
    files: dict[str, Any] = {name: image.file for name, image in job.images.items()}
    files |= {name: getattr(job, name) for name in ("difference", "kernel", "psf")}
    options: dict[str, Any] = {
        "mode": job.options.mode,
        "filters": "vary over the frame" if job.options.spatially_varying else "one for the frame",
        "variance planes": job.options.propagation,
        "noise covariance": job.remaining,
        "shared variance": job.shared_variance or None,
    }
    options |= {f"{name} covariance": image.covariance for name, image in job.images.items()}
    variances = {f"{name} variance": text for name, text in whitened.noise.items()}
    return {
        "inputs": {name: str(path) for name, path in files.items() if path is not None} | variances,
        "options": {name: str(value) for name, value in options.items() if value is not None},
        "cards": [
            {"keyword": keyword, "value": _card_text(value), "comment": comment}
            for keyword, (value, comment) in whitened.facts.cards.items()
        ],
        "versions": {
            "whitediff": __version__,
            "Python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scipy", "astropy", "photutils")},
        },
    }


def _card_text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
