"""Variances of results are never negative, and finite where those of the inputs are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import whitediff
from white_noise import gaussian

KERNEL = gaussian(1.3, radius=5)


@st.composite
def variance_planes(draw, shape, dtype):
    """Variances over thirty decades, with what files have in the place of variances."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    middle, decades = draw(st.floats(-12, 12)), draw(st.sampled_from([0.0, 0.3, 3.0, 30.0]))
    # Single precision has some 38 decades on either side of one.
    exponents = np.clip(middle + decades * rng.uniform(-0.5, 0.5, shape), -30, 30)
    plane = 10.0**exponents
    strange = draw(
        st.lists(
            st.sampled_from([0.0, -1e-3, -1e30, 1e30, 3e38, np.nan, np.inf, -np.inf]), max_size=4
        )
    )
    for value in strange:
        plane[rng.random(shape) < draw(st.sampled_from([0.001, 0.1, 0.5]))] = value
    return plane.astype(dtype)


@st.composite
def pairs(draw):
    shape = draw(st.tuples(st.integers(20, 60), st.integers(20, 60)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return [draw(variance_planes(shape, dtype)) for _ in range(2)]


@pytest.mark.parametrize("propagation", ["estimate", "full"])
@settings(max_examples=150, deadline=None, derandomize=True)
@given(planes=pairs(), varying=st.booleans(), convolved=st.sampled_from(["template", "science"]))
def test_finite_and_not_negative_where_the_inputs_are_finite(
    planes, varying, convolved, propagation
):
    image = np.zeros(planes[0].shape, planes[0].dtype)
    try:
        result = whitediff.decorrelate(
            image, *planes, KERNEL,
            variance=propagation, spatially_varying=varying, convolved=convolved,
        )  # fmt: skip
    except ValueError as error:
        # No plane without a known variance can be whitened with.
        assert "must have known pixels" in str(error)
        assert any(
            not (np.isfinite(plane) & (plane > 0) & (plane <= 1e25)).any() for plane in planes
        )
        return
    finite = np.isfinite(planes).all(axis=0)
    assert np.isfinite(result.variance[finite]).all()
    assert (result.variance[finite] >= 0).all()
    assert np.isfinite(result.image).all()
