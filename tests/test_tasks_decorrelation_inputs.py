"""Exposures, kernels and PSFs as the decorrelation tasks take them, ours and foreign."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

import foreign
import whitediff
from exposures import XY0, assert_same_psf, snapshot
from foreign import as_foreign
from one_filter import KERNEL, PSF, core, make_exposure, make_exposures, make_task
from white_noise import gaussian, linear_kernel
from whitediff.exposure import Exposure, Mask
from whitediff.kernel import fixed_kernel
from whitediff.psf import CellPsf, KernelPsf
from whitediff.tasks import DecorrelateALKernelSpatialTask


def test_a_difference_needs_no_variance() -> None:
    science, template, difference = make_exposures()
    bare = make_exposure(3, variance=None)
    task = make_task()
    result = task.run(science, template, bare, KERNEL).correctedExposure
    expected = task.run(science, template, difference, KERNEL).correctedExposure
    np.testing.assert_array_equal(result.variance.array, expected.variance.array)
    task.run(science, template, bare, KERNEL)
    assert np.isnan(task.metadata["differenceVariance"])


@pytest.mark.parametrize("which", [0, 1])
def test_inputs_need_a_variance(which: int) -> None:
    exposures = list(make_exposures())
    exposures[which] = make_exposure(which, variance=None)
    name = ("scienceExposure", "templateExposure")[which]
    with pytest.raises(ValueError, match=f"{name} must have a variance plane"):
        make_task().run(*exposures, KERNEL)


def test_larger_inputs_are_cut() -> None:
    large = [make_exposure(seed, (151, 170), xy0=(XY0[0] - 20, XY0[1] - 9)) for seed in (1, 2)]
    difference = make_exposure(3)
    result = make_task().run(*large, difference, KERNEL).correctedExposure
    cut = [exposure[difference.getBBox()] for exposure in large]
    expected = make_task().run(*cut, difference, KERNEL).correctedExposure
    np.testing.assert_array_equal(result.image.array, expected.image.array)
    np.testing.assert_array_equal(result.variance.array, expected.variance.array)


def test_inputs_contain_the_difference() -> None:
    science, template, difference = make_exposures()
    shifted = make_exposure(2, xy0=(0, 0))
    with pytest.raises(ValueError, match="templateExposure must contain the box of the difference"):
        make_task().run(science, shifted, difference, KERNEL)


@pytest.mark.parametrize(
    ("positions", "at"),
    [
        ({}, (36.5, 260.0)),
        ({"xcen": 10.0}, (10.0, 260.0)),
        ({"xcen": 3.0, "ycen": 7.0}, (3.0, 7.0)),
    ],
)
def test_kernel_and_psf_are_taken_at_a_position(
    positions: dict[str, float], at: tuple[float, float], caplog: pytest.LogCaptureFixture
) -> None:
    exposures = make_exposures()
    kernel = linear_kernel((300, 300))
    psf = CellPsf([PSF, gaussian(2.5, 10)], [[-99, -99, 5, 999], [5, -99, 99, 999]])
    exposures[2].setPsf(psf)
    task = make_task()
    with caplog.at_level(logging.INFO):
        result = task.run(*exposures, kernel, **positions).correctedExposure
    x, y = (np.array([value]) for value in at)
    expected = core(exposures, kernel.evaluate(x, y)[0], psf=psf.images[0 if at[0] < 5 else 1])
    np.testing.assert_array_equal(result.image.array, expected.image)
    assert_same_psf(result.getPsf().images, expected.psf)
    assert f"Using matching kernel computed at ({int(at[0])}, {int(at[1])})" in caplog.text


def test_psf_of_the_unconvolved_input_stands_in() -> None:
    science, template, difference = make_exposures()
    template.setPsf(KernelPsf(gaussian(2.5, 10)))
    difference.setPsf(None)
    for matched, psf in ((True, PSF), (False, gaussian(2.5, 10))):
        result = make_task().run(science, template, difference, KERNEL, templateMatched=matched)
        expected = core(
            (science, template, difference),
            convolved="template" if matched else "science",
            psf=psf,
        )
        assert_same_psf(result.correctedExposure.getPsf().images, expected.psf)


def test_without_any_psf() -> None:
    exposures = make_exposures(psf=None)
    assert make_task().run(*exposures, KERNEL).correctedExposure.getPsf() is None


def score_of(exposures: Any, **options: Any) -> whitediff.Whitened:
    return core(exposures, mode="score", preconvolved=True, variance="estimate", **options)


def test_default_pre_kernel_is_the_average_psf_of_the_science_image() -> None:
    science, template, difference = make_exposures()
    science.setPsf(
        CellPsf([PSF, gaussian(2.5, 10)], [[-99, -99, 5, 999], [5, -99, 99, 999]], [[0, 0], [1, 1]])
    )
    result = make_task().run(science, template, difference, KERNEL, preConvMode=True)
    # The average position is in the first cell, the middle of the frame in the second.
    expected = score_of((science, template, difference), psf=gaussian(2.5, 10), pre_kernel=PSF)
    np.testing.assert_array_equal(result.correctedExposure.image.array, expected.image)
    np.testing.assert_array_equal(result.correctedExposure.variance.array, expected.variance)
    assert_same_psf(result.correctedExposure.getPsf().images, expected.psf)


@pytest.mark.parametrize(
    "pre_kernel",
    [PSF, fixed_kernel(PSF), KernelPsf(PSF), foreign.CorrelationKernel(3 * PSF)],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("with_psf", [True, False])
def test_given_pre_kernel(pre_kernel: Any, with_psf: bool) -> None:
    exposures = make_exposures()
    psf = gaussian(2.0, 10)
    exposures[0].setPsf(KernelPsf(psf) if with_psf else None)
    result = make_task().run(*exposures, KERNEL, preConvKernel=pre_kernel, preConvMode=True)
    expected = score_of(exposures, psf=psf if with_psf else None, pre_kernel=PSF)
    # The PSF is scaled to a sum of one on different ways.
    np.testing.assert_allclose(
        result.correctedExposure.image.array, expected.image, rtol=0, atol=1e-9
    )
    np.testing.assert_allclose(
        result.correctedExposure.getPsf().images, expected.psf, rtol=0, atol=1e-12
    )


def test_likelihood_images_need_a_psf() -> None:
    exposures = make_exposures(psf=None)
    with pytest.raises(ValueError, match="preConvKernel or a PSF of the science exposure"):
        make_task().run(*exposures, KERNEL, preConvMode=True)


@pytest.mark.parametrize(
    "options",
    [
        {"preConvKernel": PSF},
        {"preConvKernel": PSF, "templateMatched": False},
        {"preConvKernel": PSF, "templateMatched": False, "preConvMode": True},
        {"templateMatched": False, "preConvMode": True},
    ],
)
def test_pre_kernels_are_for_likelihood_images(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must come with"):
        make_task().run(*make_exposures(), KERNEL, **options)


def test_foreign_exposures() -> None:
    exposures = make_exposures()
    strangers = as_foreign(exposures)
    before = [snapshot(exposure) for exposure in strangers]
    result = make_task().run(*strangers, KERNEL).correctedExposure
    assert type(result) is foreign.Exposure
    # DETECTED, BAD and SAT are the first three bits.
    expected = core(exposures, ignore_mask=0b111)
    np.testing.assert_array_equal(result.image.array, expected.image)
    np.testing.assert_array_equal(result.variance.array, expected.variance)
    np.testing.assert_array_equal(result.mask.array, exposures[2].mask.array)
    assert_same_psf(result.getPsf().images, expected.psf)
    assert [snapshot(exposure) for exposure in strangers] == before


def test_larger_foreign_exposures_are_cut() -> None:
    large = as_foreign(make_exposure(s, (151, 170), xy0=(XY0[0] - 20, XY0[1] - 9)) for s in (1, 2))
    difference = foreign.Exposure(make_exposure(3))
    result = make_task().run(*large, difference, KERNEL).correctedExposure
    cut = [foreign.Exposure(exposure, difference.getBBox()) for exposure in large]
    expected = make_task().run(*cut, difference, KERNEL).correctedExposure
    np.testing.assert_array_equal(result.variance.array, expected.variance.array)


def test_masks_with_planes_of_their_own() -> None:
    """Ignored planes are found by name in each mask."""
    science, template, difference = make_exposures()
    moved = np.where(template.mask.array & 1, 1 << 20, 0).astype(np.int32)
    template.mask.array[...] &= 1
    other = make_exposure(2)
    other = Exposure(
        image=template.image, variance=template.variance, psf=template.psf, xy0=XY0,
        mask=Mask(moved, xy0=XY0, planes={"BAD": 20}),
    )  # fmt: skip
    results = [
        make_task().run(science, exposure, difference, KERNEL).correctedExposure
        for exposure in (template, other)
    ]
    np.testing.assert_array_equal(results[0].image.array, results[1].image.array)
    np.testing.assert_array_equal(results[0].variance.array, results[1].variance.array)


def test_correlation_kernels_are_turned_round() -> None:
    exposures = make_exposures()
    result = make_task().run(*exposures, foreign.CorrelationKernel(KERNEL)).correctedExposure
    expected = core(exposures, KERNEL[::-1, ::-1])
    # A whitening filter is symmetric: only rounding tells a kernel from a turned one.
    np.testing.assert_allclose(result.image.array, expected.image, rtol=0, atol=1e-12)
    task = make_task(completeVarPlanePropagation=True)
    result = task.run(*exposures, foreign.CorrelationKernel(KERNEL)).correctedExposure
    expected = core(exposures, KERNEL[::-1, ::-1], variance="full")
    np.testing.assert_allclose(result.variance.array, expected.variance, rtol=1e-12)
    other = core(exposures, KERNEL, variance="full")
    assert abs(result.variance.array / other.variance - 1).max() > 1e-3


@pytest.mark.parametrize("kernel", [None, "kernel", np.zeros(5), 1j * KERNEL])
def test_what_is_no_kernel(kernel: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="kernel must"):
        make_task().run(*make_exposures(), kernel)


def test_a_psf_that_fails_at_a_position_stands_in_with_its_average() -> None:
    exposures = make_exposures()
    psf = foreign.PatchyPsf((PSF, gaussian(2.5, 10)), x_max=20.0, middle=foreign.Point(10.0, 210.0))
    exposures[2].setPsf(psf)
    result = make_task().run(*exposures, KERNEL, xcen=50.0).correctedExposure
    expected = core(exposures, psf=psf.computeKernelImage(foreign.Point(10.0, 210.0)).array)
    assert_same_psf(result.getPsf().images, expected.psf)


def test_exposure_that_cannot_hold_the_psf(caplog: pytest.LogCaptureFixture) -> None:
    result = (
        make_task().run(*as_foreign(make_exposures(), foreign.Narrow), KERNEL).correctedExposure
    )
    assert result.getPsf() is None
    assert "A Narrow cannot hold a WhitenedPsf, so it has no PSF" in caplog.text


@pytest.mark.parametrize("stamp", [None, np.full_like(PSF, np.nan)])
@pytest.mark.parametrize("varying", [True, False])
def test_a_psf_unknown_at_its_average_costs_neither_image_nor_psf(
    varying: bool, stamp: Any, caplog: pytest.LogCaptureFixture
) -> None:
    exposures = make_exposures()
    task = DecorrelateALKernelSpatialTask()
    expected = task.run(*exposures, KERNEL, spatiallyVarying=varying).correctedExposure
    middle = foreign.Point(-500.0, 0.0)
    exposures[2].setPsf(foreign.GappyPsf(PSF, x_min=0.0, middle=middle, stamp=stamp))
    result = task.run(*exposures, KERNEL, spatiallyVarying=varying).correctedExposure
    np.testing.assert_array_equal(result.image.array, expected.image.array)
    assert "not known at its average position: its mean over a grid stands in" in caplog.text
    # Images of this PSF differ by a factor, so that its mean is it, to rounding.
    np.testing.assert_allclose(
        result.getPsf().computeKernelImage().array,
        expected.getPsf().computeKernelImage().array,
        rtol=0,
        atol=1e-12,
    )


@pytest.mark.parametrize("kind", [foreign.Exposure, None])
def test_a_psf_known_nowhere_costs_the_psf_and_not_the_image(
    kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    exposures = make_exposures()
    no_masks = dict.fromkeys(("mask", "science_mask", "template_mask"))
    expected = core(exposures, psf=None, ignore_mask=0, **no_masks)
    for exposure in exposures:
        exposure.setPsf(foreign.GappyPsf(PSF, x_min=1e6))
    inputs = exposures if kind is None else as_foreign(exposures, kind)
    task = make_task(ignoreMaskPlanes=[])
    result = task.run(*inputs, KERNEL).correctedExposure
    np.testing.assert_array_equal(result.image.array, expected.image)
    assert result.getPsf() is None and task.metadata["hasPsf"] is False
    assert "The PSF is not known, so there is none" in caplog.text


def test_the_result_keeps_the_psf_of_the_difference_where_it_is_told_to() -> None:
    exposures = make_exposures()
    result = make_task(setPsf=False).run(*exposures, KERNEL).correctedExposure
    assert result.getPsf() is exposures[2].getPsf()


def test_no_positive_variance_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    exposures = make_exposures()
    exposures[1].variance.array[...] = -1.0
    result = make_task().run(*exposures, KERNEL).correctedExposure
    np.testing.assert_array_equal(result.image.array, exposures[2].image.array)
    assert "no positive variance: skipping decorrelation" in caplog.text


@pytest.mark.parametrize("varying", [True, False])
def test_negative_variances_and_masks_everywhere_are_no_error(
    varying: bool, caplog: pytest.LogCaptureFixture
) -> None:
    exposures = make_exposures()
    exposures[0].variance.array[3:7, 5:50] = -1.0
    exposures[1].mask.array[...] |= exposures[1].mask.getPlaneBitMask("DETECTED")
    task = DecorrelateALKernelSpatialTask()
    result = task.run(*exposures, KERNEL, spatiallyVarying=varying).correctedExposure
    assert np.isfinite(result.image.array).all() and (result.variance.array >= 0).all()
    assert "the means are those of masked pixels" in caplog.text
