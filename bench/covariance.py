"""How right the noise is where the inputs are not white: simulated warps and coadds, real pairs.

Every row measures on one half of the frame and is tested on the other, except "auto" on white
inputs, which counts alarms. A pull is the standard deviation of a matched filter over what the
variance plane says.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

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
_MARGIN = 32
_REACH = 4
_SIGMAS = 4.0
# All phases of a warp come as often in one half of a frame as in the other; an odd number, as tiles
# are a quarter of the frame apart and would otherwise all begin with the same phase.
_PERIODS = 11

Pixels = npt.NDArray[Any]


def _tests() -> Any:
    """Give the module of the tests that makes coloured noise."""
    sys.path.append(str(_ROOT / "tests"))
    import coloured_noise

    return coloured_noise


def tested(result: Any, half: npt.NDArray[np.bool_], profile: Pixels) -> dict[str, float]:
    """Measure the noise of a result in a half of the frame."""
    noise = result.image / np.sqrt(result.variance)
    inside = np.zeros(noise.shape, bool)
    inside[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN] = True
    usable = inside & half & np.isfinite(noise) & ~result.filter_edge
    found = whiteness(result.image, result.variance, mask=~usable, max_lag=3)
    usable, center, _ = without_sources(noise, usable)
    filtered = np.where(usable, noise - center, 0)
    for axis in (0, 1):
        filtered = np.apply_along_axis(np.convolve, axis, filtered, profile, "same")
    filtered = filtered[~grown(~usable, _REACH)] / (profile**2).sum()
    sigma = filtered.std()
    sigma = filtered[np.abs(filtered) < _SIGMAS * sigma].std()
    others = found.autocorrelation.copy()
    others[3, 3] = 0
    return {
        "variance": found.variance,
        "lag x": float(found.in_x[0]),
        "lag y": float(found.in_y[0]),
        "largest": float(abs(others).max()),
        "pull": float(sigma),
        "beyond 5": int((np.abs(filtered) > 5).sum()),
        "pixels": int(filtered.size),
    }


def halves(shape: tuple[int, ...], bands: int) -> npt.NDArray[np.bool_]:
    """Tell the pixels of one half: every other of some bands of rows."""
    band = np.arange(shape[0]) * bands // shape[0]
    return np.repeat((band % 2 == 1)[:, np.newaxis], shape[1], axis=1)


def simulated(size: int, seed: int) -> Iterator[tuple[str, Pixels, Any, tuple[float, float]]]:
    """Give cases: a name, the difference, the kernel, the variances."""
    from white_noise import RADIUS, inner, linear_kernel, matched

    coloured = _tests()
    warps = {"bilinear": (coloured.bilinear, 1), "lanczos3": (coloured.lanczos3, 3)}
    shape, big = (size, size), (size + 2 * RADIUS, size + 2 * RADIUS)
    kernel = linear_kernel(shape)
    for science, template, images, ratio in (
        (None, None, 1, 1.0),
        (None, "bilinear", 1, 0.3),
        (None, "bilinear", 1, 1.0),
        (None, "lanczos3", 1, 1.0),
        ("lanczos3", None, 1, 0.05),
        (None, "bilinear", 20, 1.0),
        ("lanczos3", "lanczos3", 1, 1.0),
        ("bilinear", "bilinear", 1, 1.0),
        ("bilinear", "bilinear", 20, 1.0),
    ):
        rng = np.random.default_rng(seed)
        inputs = [
            rng.normal(scale=np.sqrt(variance), size=big)
            if name is None
            else coloured.warped_noise(
                big, variance, rng, *warps[name], n_images=n, rotation=_PERIODS / (size / 2)
            )
            for name, variance, n in ((science, 1.0, 1), (template, ratio, images))
        ]
        difference = (inner(inputs[0]) - matched(inputs[1], kernel)).astype(np.float32)
        name = f"S {science or 'white'}, T {template or 'white'} x {images}, {ratio}"
        yield name, difference, kernel, (1.0, ratio)
    rng = np.random.default_rng(seed)
    difference = coloured.drizzled_noise(shape, rng) - coloured.drizzled_noise(shape, rng)
    yield "both drizzled", difference.astype(np.float32), np.ones((1, 1)), (1.0, 1.0)


def decam() -> Iterator[tuple[str, Pixels, Any, tuple[float, float]]]:
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
            yield f"DECam {group}a-{group}{letter}", difference, kernel, variances


def goto() -> tuple[Pixels, Any, npt.NDArray[np.bool_], float, Pixels, Pixels]:
    """Give the HOTPANTS difference, its kernel, what has no data, its scale, and the variances."""
    from astropy.io import fits

    from whitediff.io import read_exposure, read_kernel

    exposure = read_exposure(_DATA / "goto/difference.fits")
    no_data = exposure.mask.array & exposure.mask.getPlaneBitMask("NO_DATA") != 0
    matching = read_kernel(_DATA / "goto/kernel.fits")
    science, template = (
        whiteness(fits.getdata(_DATA / f"goto/{name}.fits").astype(np.float64)).variance
        for name in ("science", "template")
    )
    return exposure.image.array, matching.kernel, no_data, matching.scale, science, template


def show(name: str, route: str, row: dict[str, float], covariance: Any) -> None:
    """Print a row."""
    numbers = "  ".join(
        f"{key} {value:7.4f}" if isinstance(value, float) else f"{key} {value}"
        for key, value in row.items()
    )
    said = f"  [{covariance!r}]" if covariance is not None else ""
    print(f"{name:38s} {route:9s} {numbers}{said}", flush=True)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1448, help="side of simulated frames")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--white", type=int, default=60, help="white frames, to count alarms")
    parser.add_argument(
        "--only", nargs="*", choices=["simulated", "decam", "goto", "white", "cost"]
    )
    chosen = parser.parse_args()
    wanted = chosen.only or ["simulated", "decam", "goto", "white", "cost"]
    profile = _tests().psf_profile()

    def routes(
        name: str, difference: Pixels, keywords: dict[str, Any], masked: Any, *given: Any
    ) -> None:
        # Real noise is not even over a frame; with the phases of a simulated warp, which come back
        # every so many rows, bands must not keep step.
        other = halves(difference.shape, 8 if name.startswith(("GOTO", "DECam")) else 2)
        tested_half = other & ~masked
        plain = whitediff.decorrelate(difference, *given, **keywords)
        show(name, "white", tested(plain, tested_half, profile), None)
        for route, result in (
            (
                "measured",
                whitediff.decorrelate(
                    difference, *given, covariance="measured", mask=other | masked, **keywords
                ),
            ),
            ("blind", whitediff.whiten(difference, mask=other | masked)),
        ):
            show(name, route, tested(result, tested_half, profile), result.covariance)

    if "simulated" in wanted:
        for name, difference, kernel, variances in simulated(chosen.size, chosen.seed):
            nothing = np.zeros(difference.shape, bool)
            routes(name, difference, {}, nothing, *variances, kernel)
    if "decam" in wanted and _DATA.is_dir():
        for name, difference, kernel, variances in decam():
            nothing = np.zeros(difference.shape, bool)
            routes(name, difference, {}, nothing, *variances, kernel)
    if "goto" in wanted and _DATA.is_dir():
        difference, kernel, no_data, scale, *variances = goto()
        routes("GOTO", difference, {"scale": scale}, no_data, *variances, kernel)
    if not _DATA.is_dir():
        print(f"DECam and GOTO skipped: no {_DATA}")
    if "white" in wanted:
        alarms = 0
        for seed in range(chosen.white):
            rng = np.random.default_rng(1000 + seed)
            noise = rng.normal(size=(600, 600)).astype(np.float32)
            alarms += whitediff.NoiseCovariance.measured(noise, 1.0).is_significant
        print(f"white frames with an alarm: {alarms} of {chosen.white}")
    if "cost" in wanted:
        from white_noise import linear_kernel

        noise = np.random.default_rng(1).normal(size=(4096, 4096)).astype(np.float32)
        kernel = linear_kernel(noise.shape)
        for covariance in ("none", "auto"):
            seconds = []
            for _ in range(4):
                start = perf_counter()
                whitediff.decorrelate(noise, 1.0, 1.0, kernel, covariance=covariance)
                seconds.append(perf_counter() - start)
            print(f"4096 x 4096, covariance={covariance}: {min(seconds):.3f} s")


if __name__ == "__main__":
    main()
