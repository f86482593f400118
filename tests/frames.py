"""Random frames with all that files have in the place of pixels, and what must come of them.

    python tests/frames.py --frames 5000 --seed 1

prints the largest deviation of results from the slow direct computation, in units of the noise.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

import reference
import whitediff
from white_noise import gaussian

LARGEST_VALUE, LARGEST_RATIO = 1e25, 1e10
CUT_OFF = 1e-5
IGNORED, NO_VALUE = 1, 4


@dataclass
class Frame:
    """A difference image with gaps, its mask, the variances of its inputs."""

    image: np.ndarray
    mask: np.ndarray
    variances: list[np.ndarray]
    kernel: np.ndarray
    options: dict


def random_frame(rng) -> Frame:
    """Draw a frame: stars, a pedestal, a slope, gaps, sentinels, planes with holes."""
    shape = tuple(rng.integers(30, 90, 2))
    dtype = rng.choice([np.float32, np.float64])
    kernel = rng.uniform(0.5, 2) * gaussian(rng.uniform(0.7, 1.8), radius=int(rng.integers(3, 8)))
    # Where the convolved image is noisier by far, filters reach farther than these frames.
    means = 10 ** rng.uniform(-2, 4) * 10 ** np.array([0, rng.uniform(-2, 2)])
    smooth = np.pad(rng.normal(scale=np.sqrt(means[1]), size=shape), 20, mode="wrap")
    smooth = reference.filtered(smooth, reference.transfer(kernel, smooth.shape), smooth.shape)
    image = rng.normal(scale=np.sqrt(means[0]), size=shape) - smooth[20:-20, 20:-20]
    sigma = np.sqrt(means[0] + means[1] * kernel.sum() ** 2)
    y, x = np.indices(shape)
    image += sigma * rng.choice([0, 5, 100, 1e4]) * rng.choice([-1, 1])
    image += sigma * rng.choice([0, 0.05]) * (x + y)
    for _ in range(rng.integers(0, 4)):
        place = [rng.integers(0, size) for size in shape]
        r2 = (y - place[0]) ** 2 + (x - place[1]) ** 2
        image += sigma * 10 ** rng.uniform(1, 6) * np.exp(-r2 / rng.uniform(2, 8))
    mask = np.where(rng.random(shape) < rng.choice([0, 0.1, 0.9]), IGNORED, 0).astype(np.int32)
    for value in rng.choice([np.nan, np.inf, -np.inf, 1e30, -3e38, 1e26], rng.integers(0, 4)):
        image[some_pixels(rng, shape)] = value
    if rng.random() < 0.5:
        marked = some_pixels(rng, shape)
        mask[marked] |= NO_VALUE
        image[marked] = rng.choice([-9999.0, 0.0, 1e30, np.nan])
    variances = [np.full(shape, mean) * rng.uniform(0.9, 1.1, shape) for mean in means]
    for plane in variances:
        for value in rng.choice([0.0, -1.0, np.nan, np.inf, 1e30], rng.integers(0, 3)):
            plane[some_pixels(rng, shape)] = value
    return Frame(
        image.astype(dtype),
        mask,
        [plane.astype(dtype) for plane in variances],
        kernel,
        {"variance": str(rng.choice(["estimate", "full"]))},
    )


def some_pixels(rng, shape) -> np.ndarray:
    """Single pixels, columns, a corner, or a large part of the frame."""
    chosen = rng.random(shape) < rng.choice([0.001, 0.02, 0.3])
    kind = rng.integers(4)
    if kind == 0:
        chosen[:] = False
        chosen[:, rng.integers(0, shape[1], 3)] = True
    elif kind == 1:
        chosen[:] = False
        chosen[: shape[0] // 3, : shape[1] // 3] = True
    return chosen


def deviation(frame: Frame) -> tuple[float, float]:
    """The largest deviation of image, in units of the noise, and variance, relative."""
    result = whitediff.decorrelate(
        frame.image, *frame.variances, frame.kernel,
        mask=frame.mask, ignore_mask=IGNORED, no_value_mask=NO_VALUE,
        spatially_varying=False, **frame.options,
    )  # fmt: skip
    means, known = [], []
    for plane in frame.variances:
        sound = np.isfinite(plane) & (plane > 0) & (plane <= LARGEST_VALUE)
        means.append(whitediff.clipped_mean(np.where(sound, plane, np.nan)))
        known.append(sound & (plane <= LARGEST_RATIO * means[-1]))
    np.testing.assert_allclose(result.cells.variances[0], means, rtol=1e-6)
    sources = reference.difference_sources(*means, frame.kernel)
    sigma = np.sqrt(sum(s.variance * np.prod([k.sum() for k in s.kernels]) ** 2 for s in sources))

    limit = min(LARGEST_VALUE, LARGEST_RATIO * sigma)
    image = frame.image.astype(float)
    # Limits have the precision of the pixels.
    with np.errstate(invalid="ignore"):
        gaps = ~(abs(image) <= frame.image.dtype.type(limit)) | (frame.mask & NO_VALUE != 0)
    assert sum(result.gaps.values()) == gaps.sum()
    image[gaps] = np.nan
    padded = reference.padded_shape(image.shape, 256)
    spectrum = reference.whitening_filter(sources, padded)
    low, high = np.full(image.shape, np.inf), np.full(image.shape, -np.inf)
    ignored = frame.mask & IGNORED != 0
    for (x0, y0, x1, y1), expanded in zip(result.cells.boxes, result.cells.expanded, strict=True):
        level = reference.level_of(image, expanded, ignored)
        part = reference.filtered(image, spectrum, padded, level)[y0:y1, x0:x1]
        low[y0:y1, x0:x1] = np.fmin(low[y0:y1, x0:x1], part)
        high[y0:y1, x0:x1] = np.fmax(high[y0:y1, x0:x1], part)
    np.testing.assert_array_equal(result.image[gaps], frame.image[gaps])
    found = result.image[~gaps]
    off = np.maximum(low[~gaps] - found, found - high[~gaps])
    # A result is rounded to the precision of its pixels, and cutting filters off costs up to 1e-5
    # of the largest value, of a star as of noise.
    reach = abs(image[~gaps] - level).max(initial=0.0)
    off -= np.finfo(frame.image.dtype).eps * abs(found) + CUT_OFF * reach
    of_image = off.max(initial=0.0) / sigma

    planes = [
        np.where(sound, plane, mean)
        for sound, plane, mean in zip(known, frame.variances, means, strict=True)
    ]
    if frame.options["variance"] == "full":
        variance = reference.full_variance(planes, sources, spectrum, padded)
    else:
        variance = np.tensordot(reference.gains(sources, spectrum, padded), planes, axes=1)
    plain = np.all(
        [np.isfinite(plane) & (plane <= LARGEST_VALUE) for plane in frame.variances], axis=0
    )
    of_variance = abs(result.variance[plain] / variance[plain] - 1).max(initial=0.0)
    assert (result.variance[plain] >= 0).all()
    return of_image, of_variance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    worst = {np.float32: [0.0, 0.0], np.float64: [0.0, 0.0]}
    for n in range(arguments.frames):
        frame = random_frame(np.random.default_rng([arguments.seed, n]))
        found = deviation(frame)
        kept = worst[frame.image.dtype.type]
        for which, off in enumerate(found):
            if off > kept[which]:
                kept[which] = off
                print(f"frame {n}, {frame.image.dtype}: image {found[0]:.2e} sigma, "
                      f"variance {found[1]:.2e}", flush=True)  # fmt: skip
    for dtype, (of_image, of_variance) in worst.items():
        print(f"{dtype.__name__}: image {of_image:.2e} sigma, variance {of_variance:.2e}")


if __name__ == "__main__":
    main()
