"""Draw docs/resampled.png: a pair of warped images, whitened without and with what it measures.

The covariance is measured on the black squares of a chessboard; what is shown is the white ones.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import whitediff
from whitediff.fill import grown
from whitediff.kernel import fixed_kernel
from whitediff.simulate import Simulation, convolve, simulate
from whitediff.whiteness import whiteness

SIDE = 1024
LAGS = 4
SQUARE = 128
BINS = np.arange(-7.0, 7.1, 0.25)


def main() -> None:
    """Simulate, whiten, draw, and print what the page quotes."""
    simulation = simulate(
        (SIDE, SIDE),
        seed=1,
        variance_ratio=1.0,
        science_warp="lanczos3",
        template_warp="bilinear",
        coadd=10,
    )
    masked = simulation.difference_mask != 0
    # Faint transients are in no mask.
    transients = simulation.sources[simulation.sources["transient"]]
    x, y = (transients[axis].round().astype(int).clip(0, SIDE - 1) for axis in "xy")
    masked[y, x] = True
    white = (np.indices((SIDE, SIDE)) // SQUARE).sum(axis=0) % 2 == 1
    figure, axes = plt.subplots(2, 2, figsize=(8.0, 6.4), layout="constrained")
    for row, (title, covariance) in enumerate(
        (("covariance none", "none"), ("covariance auto", "auto"))
    ):
        result = whitediff.decorrelate(
            simulation.difference,
            simulation.science_variance,
            simulation.template_variance,
            simulation.kernel,
            mask=masked | white,
            science_mask=masked,
            template_mask=masked,
            psf=simulation.difference_psf,
            covariance=covariance,
        )
        draw(axes[row], title, simulation, result, white & ~grown(masked, 12))
    axes[1, 0].set_xlabel("lag in x [pixel]")
    axes[1, 1].set_xlabel("signal-to-noise ratio in empty sky")
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=100)


def draw(
    axes: Any, title: str, simulation: Simulation, result: whitediff.Whitened, usable: Any
) -> None:
    """Show the correlations of the noise, and how a matched filter scatters."""
    found = whiteness(result.image, result.variance, mask=~usable, max_lag=LAGS)
    shown = found.autocorrelation.copy()
    shown[LAGS, LAGS] = np.nan
    extent = (-LAGS - 0.5, LAGS + 0.5, LAGS + 0.5, -LAGS - 0.5)
    picture = axes[0].imshow(shown, cmap="RdBu_r", vmin=-0.06, vmax=0.06, extent=extent)
    axes[0].figure.colorbar(picture, ax=axes[0], label="correlation")
    axes[0].set_ylabel("lag in y [pixel]")
    axes[0].set_title(title)
    ratio = significance(simulation, result)[usable]
    axes[1].hist(ratio, BINS, color="C0", log=True)
    middle = (BINS[1:] + BINS[:-1]) / 2
    normal = np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi) * (BINS[1] - BINS[0]) * ratio.size
    axes[1].plot(middle, normal, color="black", label="as it should be")
    axes[1].set_ylim(0.5, None)
    axes[1].set_title(f"scatter {ratio.std():.3f}, {(abs(ratio) > 5).sum()} pixels beyond 5")
    axes[1].legend(loc="lower center")
    print(
        f"{title}: scatter {ratio.std():.4f}, beyond 5: {(abs(ratio) > 5).sum()} of {ratio.size}, "
        f"largest correlation {np.nanmax(abs(shown)):.4f}, variance over plane {found.variance:.4f}"
    )


def significance(simulation: Simulation, result: whitediff.Whitened) -> Any:
    """Fluxes of stars everywhere, over their errors by the variance plane."""
    assert result.psf is not None
    psf = result.psf.mean(axis=0)
    pixels = np.where(simulation.difference_mask == 0, result.image, 0)
    filtered = convolve(pixels, fixed_kernel(psf[::-1, ::-1]))
    return filtered / np.sqrt(result.variance * (psf**2).sum())


if __name__ == "__main__":
    sys.exit(main())
