"""Propagated variance against the scatter of 400 realisations."""

from itertools import product

import numpy as np
import pytest

import whitediff
from white_noise import RADIUS, gaussian, inner, matched
from whitediff.kernel import fixed_kernel

SHAPE = (60, 131)
N_REALISATIONS = 400
# Realisations are stacked into tall frames; each has cells of its own.
N_STACKED = 20
TALL = (N_STACKED * SHAPE[0], SHAPE[1])
STEP = 55
KERNEL = fixed_kernel(2.0 * gaussian(1.0))


def cells():
    """Two boxes for every realisation of a tall frame, which read nothing else.

    They do not overlap: their filters differ, and so the mean of both would scatter less than
    the mean of their variances.
    """
    boxes, expanded = [], []
    for y in range(0, TALL[0], SHAPE[0]):
        boxes += [(0, y, 70, y + SHAPE[0]), (70, y, SHAPE[1], y + SHAPE[0])]
        expanded += [(0, y, SHAPE[1], y + SHAPE[0])] * 2
    return whitediff.Grid(boxes, expanded=expanded)


@pytest.fixture(
    scope="module",
    params=product(("template", "science"), (False, True)),
    ids=lambda param: f"{param[0]}-{'varying' if param[1] else 'constant'}",
)
def scatter(request):
    """Empirical variance of every pixel away from the frame's edge, and those propagated to it."""
    convolved, spatially_varying = request.param
    rng = np.random.default_rng(11)
    tall = [size + 2 * RADIUS for size in TALL]
    column = np.arange(tall[1])
    step = np.where(column < STEP + RADIUS, 5.0, 45.0) * np.ones(tall)
    gradient = np.linspace(1.0, 2.0, tall[1]) * np.ones(tall)
    planes = (gradient, step) if convolved == "template" else (step, gradient)

    def whitened(propagation):
        science, template = (rng.normal(scale=np.sqrt(plane)) for plane in planes)
        if convolved == "template":
            image = inner(science) - matched(template, KERNEL)
        else:
            image = matched(science, KERNEL) - inner(template)
        return whitediff.decorrelate(
            image, *map(inner, planes), KERNEL, convolved=convolved, scale=1.0,
            variance=propagation, spatially_varying=spatially_varying, grid=cells(),
        )  # fmt: skip

    results = {propagation: whitened(propagation) for propagation in ("full", "estimate")}
    border = results["full"].border

    def realisations(plane):
        return inner(np.moveaxis(plane.reshape(N_STACKED, *SHAPE), 0, -1), border)

    powers = [
        np.mean(realisations(whitened("estimate").image) ** 2, axis=-1)
        for _ in range(N_REALISATIONS // N_STACKED)
    ]
    propagated = {name: realisations(each.variance)[..., 0] for name, each in results.items()}
    return np.mean(powers, axis=0), propagated, STEP - border


def test_full_variance_is_the_scatter(scatter):
    empirical, propagated, _ = scatter
    ratio = empirical / propagated["full"]
    error = np.sqrt(2 / N_REALISATIONS)
    # 4.5 sampling errors: pixels are independent, nearly.
    assert ratio.mean() == pytest.approx(1, abs=4.5 * error / np.sqrt(ratio.size))
    assert abs(ratio - 1).max() < 5.5 * error
    columns = ratio.mean(axis=0) - 1
    assert abs(columns).max() < 4.5 * error / np.sqrt(len(ratio))


def test_full_variance_is_smooth_where_the_variance_of_a_convolved_image_has_a_step(scatter):
    empirical, propagated, step = scatter
    near = np.s_[:, step - 1 : step + 1]
    error = np.sqrt(2 / N_REALISATIONS / empirical[near].size)
    full, estimate = (
        np.mean(abs(np.mean(empirical[near] / propagated[name][near] - 1, axis=0)))
        for name in ("full", "estimate")
    )
    assert full < 4.5 * error
    # The estimate does not know that neighbours are mixed.
    assert estimate > 5 * error
