"""How right the noise is where the inputs are not white: simulated warps and coadds, real pairs.

What is measured on one half of a frame is tested on the other, both ways, and seeds are averaged.
A pull is the standard deviation of a matched filter, or of the sum in an aperture, over what the
variance plane says.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import whitediff
from whitediff.blank_sky import without_sources
from whitediff.fill import grown
from whitediff.kernel import fixed_kernel
from whitediff.simulate import convolve
from whitediff.whiteness import whiteness

_ROOT = Path(__file__).resolve().parents[1]
_DATA = _ROOT.parent / "shared/data"
sys.path.append(str(_ROOT / "tests"))

from coloured_noise import (  # noqa: E402
    bilinear,
    drizzled_noise,
    lanczos3,
    psf_profile,
    warped_noise,
)
from white_noise import RADIUS, inner, linear_kernel, matched  # noqa: E402

_APERTURE = 5
_SIGMAS = 4.0
# What a normal distribution has beyond 4 sigma.
_BEYOND_4 = 6.334e-5
# All phases of a warp come as often in one half of a frame as in the other; an odd number, as tiles
# are a quarter of the frame apart and would otherwise all begin with the same phase.
_PERIODS = 11
_RIPPLE, _RIPPLE_LENGTH = 0.1, 90.0
_PIXELS_A_SOURCE, _MISREGISTRATION = 100, 0.15
_WARPS = {"bilinear": (bilinear, 1), "lanczos3": (lanczos3, 3)}

Pixels = npt.NDArray[Any]
Marks = npt.NDArray[np.bool_]


class Case(NamedTuple):
    """A difference image, and what it was made with.

    Attributes
    ----------
    difference : numpy.ndarray, [y, x]
        Its pixels.
    given : tuple
        Variances and kernel, as `whitediff.decorrelate` takes them.
    power : float or None
        The true noise power at k = 0, if it is known.
    masked : numpy.ndarray of bool, [y, x], or None
        Pixels without data.
    scale : float or None
        Of the difference.
    disturbance : numpy.ndarray, [y, x], or float
        What the difference has that is no noise: there when it is measured, not when it is tested.
    """

    difference: Pixels
    given: tuple[Any, ...]
    power: float | None = None
    masked: Marks | None = None
    scale: float | None = None
    disturbance: Pixels | float = 0.0


def halves(case: Case, bands: int) -> list[Marks]:
    """Tell the pixels of each half, which is every other of the bands."""
    height, width = case.difference.shape
    band = np.arange(height) * bands // height
    one = np.repeat((band % 2 == 1)[:, np.newaxis], width, axis=1)
    return [one, ~one]


def filtered(noise: Pixels, usable: Marks, image: Pixels) -> Pixels:
    """Give the noise that is seen through a filter wherever it has nothing but usable pixels.

    In units of what independent pixels of variance one would scatter.
    """
    reach = len(image) // 2
    shape = [size + 2 * reach for size in noise.shape]
    spectrum = np.fft.rfft2(np.where(usable, noise, 0), s=shape)
    seen = np.fft.irfft2(spectrum * np.fft.rfft2(image, s=shape), s=shape)
    seen = seen[reach:-reach, reach:-reach][~grown(~usable, reach)]
    return seen / np.sqrt((image**2).sum())


def clipped_deviation(values: Pixels) -> float:
    """Give the standard deviation of what lies within 4 of them."""
    return float(values[np.abs(values) < _SIGMAS * values.std()].std())


def tested(result: Any, case: Case, half: Marks) -> dict[str, Any]:
    """Measure the noise of a result in a half of the frame."""
    noise = result.image / np.sqrt(result.variance)
    usable = half & np.isfinite(noise) & ~result.filter_edge
    if case.masked is not None:
        usable &= ~case.masked
    found = whiteness(result.image, result.variance, mask=~usable, max_lag=3)
    usable, center, _ = without_sources(noise, usable)
    profile = psf_profile()
    offset = np.arange(-_APERTURE, _APERTURE + 1)
    aperture = np.hypot(offset[:, np.newaxis], offset) <= _APERTURE
    psf = filtered(noise - center, usable, np.outer(profile, profile))
    # Beyond 4 sigma in units of one, as a search for sources counts them.
    return {
        "lags": found.autocorrelation,
        "variance": found.variance,
        "pull": clipped_deviation(psf),
        "aperture": clipped_deviation(filtered(noise - center, usable, aperture.astype(float))),
        "beyond 4": float((np.abs(psf) > 4).mean() / _BEYOND_4),
        "beyond 5": int((np.abs(psf) > 5).sum()),
        "P(0)": np.nan if case.power is None else float(np.median(result.variance)) / case.power,
    }


def routes(case: Case, bands: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Test what is made of a case without any covariance, with it measured, and blind."""
    scale = {} if case.scale is None else {"scale": case.scale}
    plain = whitediff.decorrelate(case.difference, *case.given, **scale)
    for half in halves(case, bands):
        yield "white", tested(plain, case, half)
        mask = half if case.masked is None else half | case.masked
        seen = (case.difference + case.disturbance).astype(case.difference.dtype)
        measured = whitediff.decorrelate(
            seen, *case.given, covariance="measured", mask=mask, **scale
        )
        blind = whitediff.whiten(seen, mask=mask)
        if np.any(case.disturbance):
            measured = whitediff.decorrelate(
                case.difference, *case.given, covariance=measured.covariance, **scale
            )
            source = whitediff.NoiseSource(float(blind.cells.variances.mean()))
            blind = whitediff.whiten(case.difference, [source], covariance=blind.covariance)
        yield "measured", tested(measured, case, half)
        yield "blind", tested(blind, case, half)


def show(name: str, rows: list[tuple[str, dict[str, Any]]]) -> None:
    """Print the means of a case's rows, with their errors, one line a route."""
    for route in dict.fromkeys(route for route, _ in rows):
        found = [row for of, row in rows if of == route]
        count = len(found)
        lags = np.mean([row["lags"] for row in found], axis=0)
        lags[3, 3] = 0
        texts = []
        for key in ("variance", "pull", "aperture", "P(0)", "beyond 4"):
            values = np.array([row[key] for row in found])
            error = values.std(ddof=1) / np.sqrt(count) if count > 1 else np.nan
            texts.append(f"{key} {values.mean():.4f} +- {error:.4f}")
        texts.append(f"lag x {lags[3, 4]:+.4f} y {lags[4, 3]:+.4f} largest {abs(lags).max():.4f}")
        texts.append(f"beyond 5: {sum(row['beyond 5'] for row in found)}")
        print(f"{name:38s} {route:9s} {'  '.join(texts)}  [{count}]", flush=True)


def show_lag_1(pairs: list[list[tuple[str, dict[str, Any]]]]) -> None:
    """Print how far the correlation of neighbours is off, both halves of a pair averaged.

    A half's sampling error is the other's with its sign turned, and cancels.
    """
    for route in ("white", "measured", "blind"):
        lags = np.mean([[row["lags"] for of, row in rows if of == route] for rows in pairs], axis=1)
        rms = np.sqrt((lags[:, [3, 4], [4, 3]] ** 2).mean())
        print(f"{'lag 1, rms of pairs':38s} {route:9s} {rms:.4f}  [{len(pairs)}]", flush=True)


def pair(
    size: int,
    seed: int,
    science: str | None = None,
    template: str | None = None,
    images: int = 1,
    ratio: float = 1.0,
    stars: Callable[[int, np.random.Generator], Pixels] | None = None,
    sky: Callable[[int, np.random.Generator], Pixels] | None = None,
) -> Case:
    """Simulate a pair: warps of its images, how many the template is the mean of, v_T / v_S."""
    rng = np.random.default_rng(seed)
    big = (size + 2 * RADIUS, size + 2 * RADIUS)
    kernel = linear_kernel((size, size))
    inputs = [
        rng.normal(scale=np.sqrt(variance), size=big)
        if name is None
        else warped_noise(
            big, variance, rng, *_WARPS[name], n_images=n, rotation=_PERIODS / (size / 2)
        )
        for name, variance, n in ((science, 1.0, 1), (template, ratio, images))
    ]
    difference = inner(inputs[0]) - matched(inputs[1], kernel)
    if stars is not None:
        difference += stars(size, rng)
    disturbance = 0.0 if sky is None else sky(size, rng)
    return Case(
        difference.astype(np.float32),
        (1.0, ratio, kernel),
        1.0 + ratio,
        disturbance=disturbance,
    )


def ripple(size: int, rng: np.random.Generator) -> Pixels:
    """Give waves of the sky, of a tenth of the science image's noise."""
    in_y, in_x = (
        np.sin(2 * np.pi * np.arange(size) / _RIPPLE_LENGTH + phase)
        for phase in rng.uniform(0, 2 * np.pi, 2)
    )
    waves: Pixels = _RIPPLE * (in_y[:, np.newaxis] + in_x)
    return waves


def crowd(size: int, rng: np.random.Generator) -> Pixels:
    """Give what stars leave that lie a fraction of a pixel aside in one image.

    Fluxes are those of `whitediff.simulate`: 30 to 10 000 sigma of a pixel, counts as 1 / flux.
    """
    big = (size + 2 * RADIUS, size + 2 * RADIUS)
    count = big[0] * big[1] // _PIXELS_A_SOURCE
    stars = np.zeros(big)
    place = tuple(rng.integers(size, size=count) for size in big)
    np.add.at(stars, place, 1.0 / rng.uniform(1e-4, 1.0 / 30.0, count))
    offset = np.arange(-8, 9)
    here, aside = (
        np.exp(-0.5 * ((offset - shift) / 1.3) ** 2) / (np.sqrt(2 * np.pi) * 1.3)
        for shift in (0.0, _MISREGISTRATION)
    )
    left = np.outer(aside, aside) - np.outer(here, here)
    return matched(convolve(stars, fixed_kernel(left)), linear_kernel((size, size)))


def drizzled(size: int, seed: int) -> Case:
    """Simulate a pair of drizzled mosaics."""
    rng = np.random.default_rng(seed)
    difference = drizzled_noise((size, size), rng) - drizzled_noise((size, size), rng)
    return Case(difference.astype(np.float32), (1.0, 1.0, np.ones((1, 1))))


SIMULATED: dict[str, Callable[[int, int], Case]] = {
    "both white": pair,
    "T bilinear, 0.3": partial(pair, template="bilinear", ratio=0.3),
    "T bilinear, 1": partial(pair, template="bilinear"),
    "T bilinear, 10": partial(pair, template="bilinear", ratio=10.0),
    "T lanczos3, 1": partial(pair, template="lanczos3"),
    "S lanczos3, 0.05": partial(pair, science="lanczos3", ratio=0.05),
    "S bilinear, 1": partial(pair, science="bilinear"),
    "T bilinear x 20, 1": partial(pair, template="bilinear", images=20),
    "both lanczos3, 1": partial(pair, science="lanczos3", template="lanczos3"),
    "both bilinear, 1": partial(pair, science="bilinear", template="bilinear"),
    "both bilinear, T x 20, 1": partial(pair, science="bilinear", template="bilinear", images=20),
    "T bilinear, 1, sky ripple 0.1": partial(pair, template="bilinear", sky=ripple),
    "T bilinear, 1, crowded": partial(pair, template="bilinear", stars=crowd),
    "both drizzled": drizzled,
}


def decam() -> Iterator[tuple[str, Case]]:
    """Give the pairs of both groups, each image matched to the first."""
    from astropy.io import fits

    for group in ("04", "18"):
        science = fits.getdata(_DATA / f"decam/DEC-OBS{group}a.mini.fits").astype(np.float64)
        for letter in "bcde":
            name = f"DEC-OBS{group}{letter}"
            template = fits.getdata(_DATA / f"decam/{name}.mini.fits").astype(np.float64)
            kernel = fits.getdata(_DATA / f"decam/{name}.MatchKernel.fits").astype(np.float64)
            difference = science - convolve(template, fixed_kernel(kernel))
            variances = whiteness(science).variance, whiteness(template).variance
            # The matched template is not right where the kernel reaches beyond it.
            outside = np.pad(np.zeros(science.shape, bool), 1, constant_values=True)
            masked = grown(outside, len(kernel) // 2)[1:-1, 1:-1]
            case = Case(difference, (*variances, kernel), masked=masked)
            yield f"DECam {group}a-{group}{letter}", case


def goto() -> Case:
    """Give the HOTPANTS difference."""
    from astropy.io import fits

    from whitediff.io import read_exposure, read_kernel

    exposure = read_exposure(_DATA / "goto/difference.fits")
    no_data = exposure.mask.array & exposure.mask.getPlaneBitMask("NO_DATA") != 0
    matching = read_kernel(_DATA / "goto/kernel.fits")
    variances = (
        whiteness(fits.getdata(_DATA / f"goto/{name}.fits").astype(np.float64)).variance
        for name in ("science", "template")
    )
    return Case(
        exposure.image.array,
        (*variances, matching.kernel),
        masked=no_data,
        scale=matching.scale,
    )


def show_white(count: int, size: int) -> None:
    """Count alarms among white pairs, and what a covariance that is forced changes."""
    alarms, changes = 0, []
    for seed in range(count):
        case = pair(size, 1000 + seed)
        auto = whitediff.decorrelate(case.difference, *case.given, covariance="auto")
        alarms += auto.covariance_applied
        forced = whitediff.decorrelate(case.difference, *case.given, covariance="measured")
        everywhere = np.ones(case.difference.shape, bool)
        before, after = (tested(one, case, everywhere)["pull"] for one in (auto, forced))
        changes.append(after - before)
    print(
        f"white pairs with an alarm: {alarms} of {count}; forced, pulls change by "
        f"{np.mean(changes):+.4f} in the mean, {np.std(changes):.4f} rms, "
        f"{np.abs(changes).max():.4f} at most",
        flush=True,
    )


def show_cost() -> None:
    """Print what measuring takes at 4096 x 4096."""
    noise = np.random.default_rng(1).normal(size=(4096, 4096)).astype(np.float32)
    kernel = linear_kernel(noise.shape)
    seconds: dict[str, list[float]] = {"none": [], "auto": []}
    for _ in range(4):
        for covariance, times in seconds.items():
            start = perf_counter()
            whitediff.decorrelate(noise, 1.0, 1.0, kernel, covariance=covariance)
            times.append(perf_counter() - start)
    for covariance, times in seconds.items():
        print(f"4096 x 4096, covariance={covariance}: {min(times):.3f} s")


def main() -> None:
    """Measure."""
    parts = ("simulated", "decam", "goto", "white", "cost")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1448, help="side of simulated frames")
    parser.add_argument("--seeds", type=int, default=4, help="frames of every simulated case")
    parser.add_argument("--bands", type=int, default=2, help="whose every other is one half")
    parser.add_argument("--white", type=int, default=60, help="white pairs, to count alarms")
    parser.add_argument("--only", nargs="*", choices=parts, default=parts)
    chosen = parser.parse_args()
    if "simulated" in chosen.only:
        for name, make in SIMULATED.items():
            cases = (make(chosen.size, seed) for seed in range(chosen.seeds))
            show(name, [row for case in cases for row in routes(case, chosen.bands)])
    if not _DATA.is_dir():
        print(f"DECam and GOTO skipped: no {_DATA}")
    elif "decam" in chosen.only:
        pairs = []
        for name, case in decam():
            pairs.append(list(routes(case, chosen.bands)))
            show(name, pairs[-1])
        show("DECam, all pairs", [row for rows in pairs for row in rows])
        show_lag_1(pairs)
    if _DATA.is_dir() and "goto" in chosen.only:
        show("GOTO", list(routes(goto(), chosen.bands)))
    if "white" in chosen.only:
        show_white(chosen.white, chosen.size)
    if "cost" in chosen.only:
        show_cost()


if __name__ == "__main__":
    main()
