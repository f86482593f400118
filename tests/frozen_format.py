"""Files of version 1 of docs/kernel-format.md, as they were written once: what they hold, and how.

``python tests/frozen_format.py`` writes them anew, which only a new version calls for.
"""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import numpy as np

from whitediff import NoiseCovariance, NoiseSource
from whitediff.io import MatchingKernel, write_kernel, write_noise_model
from whitediff.io.regions import RegionFunction, RegionKernel
from whitediff.kernel import Chebyshev2D, Polynomial2D, SpatialKernel, TabulatedKernel

FOLDER = Path(__file__).with_name("data")
BOXES = [(0, 0, 30, 41), (30, 0, 53, 41)]


def numbers(*shape):
    """Numbers that anybody can make: n (n - 7) / 64 of n = 0, 1, ..."""
    n = np.arange(np.prod(shape), dtype=np.float64)
    return (n * (n - 7) / 64).reshape(shape)


def spatial_kernel(first=0.0):
    functions = [
        Polynomial2D([1.0]),
        Polynomial2D([0.5 + first, 0.25, -0.125]),
        Chebyshev2D([0.25, 0.5, -0.75, 1.0, first, 0.125], (-0.5, 52.5, -0.5, 40.5)),
    ]
    return SpatialKernel(numbers(3, 3, 4) + first, functions, center=(2, 1))


def tabulated_kernel():
    return TabulatedKernel([3.5, 50.0], [0.0, 20.25, 40.0], numbers(3, 2, 3, 5), center=(0, 4))


def region_kernel():
    return RegionKernel([spatial_kernel(), spatial_kernel(0.5)], BOXES, [1.25, -0.5])


def kernels():
    """What the files of kernels hold, by their names."""
    of_regions = RegionFunction(
        [Polynomial2D([2.0]), Polynomial2D([0.5, 0.25, 1.0])], BOXES, [1, -2]
    )
    return {
        "spatial": MatchingKernel(
            spatial_kernel(), "science", 0.75, Chebyshev2D([1.0, 2.0, 3.0], (0.0, 53.0, 0.0, 41.0))
        ),
        "tabulated": MatchingKernel(tabulated_kernel()),
        "regions": MatchingKernel(
            region_kernel(), "both", 1.0, of_regions, "array", science_kernel=tabulated_kernel()
        ),
    }


def noise_sources():
    """What the file of a noise model holds."""
    shared = spatial_kernel()
    lags = np.array([[0.0, 0.125, 0.0], [0.125, 1.0, 0.125], [0.0, 0.125, 0.0]])
    return [
        NoiseSource(4.0, kernels=[shared, tabulated_kernel()], weight=-0.5),
        NoiseSource(np.float32(numbers(5, 4)) + 2, kernels=[shared], mean_variance=3.25),
        NoiseSource(2.5, covariance=NoiseCovariance(lags)),
    ]


def path_of(name):
    return FOLDER / f"{name}-1.fits.gz"


def main():
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file.fits"

        def freeze(name):
            path_of(name).write_bytes(gzip.compress(file.read_bytes(), mtime=0))

        for name, kernel in kernels().items():
            write_kernel(kernel, file, overwrite=True)
            freeze(f"kernel-{name}")
        write_noise_model(noise_sources(), file, overwrite=True)
        freeze("noise-model")


if __name__ == "__main__":
    main()
