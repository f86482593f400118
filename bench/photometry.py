"""Fluxes, errors, detections and false alarms of score images, against the ideal.

The ideal is the same detection on white noise through a matched filter made of the PSF of the
white image: what no method can surpass. Frames have a kernel and a PSF that vary; stars lie at
fractions of pixels, with the noise of their photons, none of which filters are made for.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import whitediff
from whitediff.detection import detect, measure
from whitediff.simulate import Simulation, convolve, simulate
from whitediff.whitening import PointSources

_SHAPE = (768, 768)
_SPACING, _EDGE, _NEAR = 45, 40, 3.0
_VARIANCES = 100.0, 300.0
_THRESHOLD = 5.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stars:
    """Point sources of one flux on a grid, moved by fractions of pixels."""

    x: Floats
    y: Floats
    flux: float

    @classmethod
    def of(cls, flux: float, rng: np.random.Generator) -> Stars:
        at = [np.arange(_EDGE, size - _EDGE, _SPACING) for size in _SHAPE]
        y, x = (grid.ravel().astype(float) for grid in np.meshgrid(*at, indexing="ij"))
        return cls(x + rng.uniform(-0.5, 0.5, x.size), y + rng.uniform(-0.5, 0.5, x.size), flux)

    def scene(self, images: Floats) -> Floats:
        """Give a frame with a star's image each, which has an odd side."""
        frame = np.zeros(_SHAPE)
        reach = images.shape[1] // 2
        for x, y, image in zip(self.x, self.y, images, strict=True):
            column, row = round(x), round(y)
            place = np.s_[row - reach : row + reach + 1, column - reach : column + reach + 1]
            frame[place] += self.flux * moved(image, x - column, y - row)
        return frame

    def nearest(self, found: npt.NDArray[np.void]) -> tuple[npt.NDArray[np.intp], Floats]:
        """Give the detection next to each star, and its distance."""
        if not len(found):
            return np.zeros(self.x.size, int), np.full(self.x.size, np.inf)
        distance = np.hypot(found["x"][:, np.newaxis] - self.x, found["y"][:, np.newaxis] - self.y)
        return distance.argmin(axis=0), distance.min(axis=0)


def moved(image: Floats, dx: float, dy: float) -> Floats:
    """Give an image moved by a fraction of a pixel, as its Fourier series has it."""
    ky, kx = (np.fft.fftfreq(size) for size in image.shape)
    phase = np.exp(-2j * np.pi * (ky[:, np.newaxis] * dy + kx * dx))
    moved: Floats = np.fft.ifft2(np.fft.fft2(image) * phase).real
    return moved


def score_of(pair: Simulation, stars: Stars, rng: np.random.Generator) -> PointSources:
    """Give the point sources of a difference with such stars."""
    scene = stars.scene(pair.difference_psf.evaluate(stars.x, stars.y))
    variances = _VARIANCES[0] + np.abs(scene), np.full(_SHAPE, _VARIANCES[1])
    science, template = (np.sqrt(v) * rng.normal(size=_SHAPE) for v in variances)
    return whitediff.decorrelate(
        scene + science - convolve(template, pair.kernel),
        *variances,
        pair.kernel,
        psf=pair.difference_psf,
        mode="score",
        mean_variances=_VARIANCES,
    ).point_sources


class Ideal:
    """A matched filter on white noise of variance one, nine PSFs on a frame."""

    def __init__(self, pair: Simulation) -> None:
        plain = np.zeros(_SHAPE)
        white = whitediff.decorrelate(
            plain, *_VARIANCES, pair.kernel, psf=pair.difference_psf, mean_variances=_VARIANCES
        )
        third = [size // 3 for size in _SHAPE]
        self.psfs = [
            white.psf_at((i + 0.5) * third[1], (j + 0.5) * third[0])
            for j in range(3)
            for i in range(3)
        ]
        self.tile = third[0], third[1]

    def sources(self, significance: float, rng: np.random.Generator) -> Iterator[Any]:
        """Give the point sources of nine tiles, and their stars, of this significance."""
        for psf in self.psfs:
            norm = np.sqrt((psf**2).sum())
            height, width = self.tile
            at = [np.arange(_EDGE, size - _EDGE + 1, _SPACING) for size in self.tile]
            y, x = (grid.ravel().astype(float) for grid in np.meshgrid(*at, indexing="ij"))
            x, y = (values + rng.uniform(-0.5, 0.5, values.size) for values in (x, y))
            kx, ky = np.fft.rfftfreq(width), np.fft.fftfreq(height)[:, np.newaxis]
            shape = np.zeros(self.tile)
            shape[: psf.shape[0], : psf.shape[1]] = psf
            center = [(size - 1) // 2 for size in psf.shape]
            spectrum = np.fft.rfft2(np.roll(shape, (-center[0], -center[1]), (0, 1)))
            stars = sum(np.exp(-2j * np.pi * (ky * b + kx * a)) for a, b in zip(x, y, strict=True))
            noise = np.fft.rfft2(rng.normal(size=self.tile))
            field = spectrum.conj() * (noise + significance / norm * spectrum * stars) / norm
            values = np.fft.irfft2(field, s=self.tile)
            yield PointSources(values, values, np.ones(self.tile)), Stars(x, y, significance)

    def false_alarms(self, threshold: float) -> float:
        """Give how many maxima of either sign a frame has above a threshold.

        Of a Gaussian random field (Bond & Efstathiou 1987, in the limit of high peaks with the
        next term): the density of its maxima, and not of whole pixels.
        """
        total = 0.0
        for psf in self.psfs:
            size = 4 * max(psf.shape)
            power = abs(np.fft.fft2(psf, s=(size, size))) ** 2
            k = 2 * np.pi * np.fft.fftfreq(size)
            moments = [
                (power * (k[:, np.newaxis] ** a) * k**b).sum() / power.sum()
                for a, b in ((2, 0), (0, 2), (1, 1))
            ]
            curvature = np.sqrt(moments[0] * moments[1] - moments[2] ** 2)
            density = curvature * threshold * np.exp(-(threshold**2) / 2) / (2 * np.pi) ** 1.5
            total += 2 * density * self.tile[0] * self.tile[1]
        return total


def fluxes_of(pair: Simulation, significances: list[float]) -> list[float]:
    """Give the fluxes that have these significances, photon noise included."""
    rng = np.random.default_rng(0)
    sky, bright = (
        np.mean(measure(score_of(pair, stars, rng), stars.x, stars.y)["flux_error"] ** 2)
        for stars in (Stars.of(flux, rng) for flux in (0.0, 1e5))
    )
    photons = (bright - sky) / 1e5
    return [s * (s * photons + np.sqrt((s * photons) ** 2 + 4 * sky)) / 2 for s in significances]


def spread(pulls: Floats) -> str:
    n = max(len(pulls), 2)
    mean, scatter = (
        f"{value:8.3f} +- {1 / np.sqrt(degrees):.3f}"
        for value, degrees in ((pulls.mean(), n), (pulls.std(), 2 * n))
    )
    return f"{mean} {scatter}"


def forced(pair: Simulation, significances: list[float], frames: int, seed: int) -> None:
    """Print pulls of fluxes at the true positions, and of those that are detected."""
    ideal = Ideal(pair)
    print("forced at true positions, and detected above 5 with free ones (ideal filter below)")
    print(
        "  S/N   stars     mean of pull      scatter of pull    found     mean of pull      scatter"
    )
    for significance, flux in zip(significances, fluxes_of(pair, significances), strict=True):
        rng = np.random.default_rng([seed, int(significance)])
        at_place, detected = [], []
        for _ in range(frames):
            stars = Stars.of(flux, rng)
            sources = score_of(pair, stars, rng)
            there = measure(sources, stars.x, stars.y)
            at_place.append((there["flux"] - flux) / there["flux_error"])
            detected.append(pulls_of(sources, stars))
        pulls, free = np.concatenate(at_place), np.concatenate(detected)
        total = len(pulls)
        print(
            f"{significance:5g} {total:7d} {spread(pulls)} {len(free) / total:8.4f} {spread(free)}"
        )
        free, total = [], 0
        while total < len(pulls):
            for sources, stars in ideal.sources(significance, rng):
                free.append(pulls_of(sources, stars))
                total += stars.x.size
        free = np.concatenate(free)
        print(
            f"{'ideal':>5} {total:7d} {'':39} {len(free) / total:8.4f} {spread(free)}", flush=True
        )


def pulls_of(sources: PointSources, stars: Stars) -> Floats:
    """Pulls of the stars that are detected."""
    found = detect(sources, _THRESHOLD)
    index, distance = stars.nearest(found)
    index = index[distance < _NEAR]
    if not len(index):
        return np.zeros(0)
    pulls: Floats = (found["flux"][index] - stars.flux) / found["flux_error"][index]
    return pulls


def false_alarms(pair: Simulation, frames: int, seed: int) -> None:
    """Print how many sources noise has, of either sign, and how many an ideal filter finds."""
    ideal, none = Ideal(pair), Stars(np.zeros(0), np.zeros(0), 0.0)
    rng = np.random.default_rng([seed, 0])
    thresholds = (3.0, 3.5, 4.0, 4.5, 5.0)
    seen = [
        np.sort(abs(detect(score_of(pair, none, rng), 3.0)["significance"])) for _ in range(frames)
    ]
    best = [
        abs(detect(sources, 3.0)["significance"])
        for _ in range(4 * frames)
        for sources, _ in ideal.sources(0.0, rng)
    ]
    print(f"false alarms in {frames} frames of {_SHAPE[0]} x {_SHAPE[1]}")
    print("threshold    found   +-      ideal   +-    field (Bond & Efstathiou)")
    for threshold in thresholds:
        count = int((np.concatenate(seen) >= threshold).sum())
        expected = (np.concatenate(best) >= threshold).sum() / 4
        field = frames * ideal.false_alarms(threshold)
        print(
            f"{threshold:9g} {count:8d} {np.sqrt(count):4.0f} {expected:10.1f} "
            f"{np.sqrt(expected) / 2:4.1f} {field:10.1f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10, help="256 stars each, for every S/N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--false", type=int, default=40, help="frames without a star")
    parser.add_argument(
        "--significance", type=float, nargs="*", default=[3, 5, 10, 22, 50, 100, 200, 500]
    )
    chosen = parser.parse_args()
    pair = simulate(_SHAPE, seed=1)
    if chosen.false:
        false_alarms(pair, chosen.false, chosen.seed)
    if chosen.significance:
        forced(pair, chosen.significance, chosen.frames, chosen.seed)


if __name__ == "__main__":
    main()
