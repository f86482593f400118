"""The PSF of a whitened exposure."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import foreign
from one_filter import KERNEL, PSF, make_exposures, make_task
from white_noise import gaussian
from whitediff.kernel import fixed_kernel
from whitediff.psf import CellPsf


def test_the_psf_is_made_when_it_is_asked_for() -> None:
    exposures = make_exposures()
    psf = foreign.PatchyPsf((PSF, gaussian(2.5, 10)))
    exposures[2].setPsf(psf)
    result = make_task().run(*exposures, fixed_kernel(KERNEL)).correctedExposure
    whole = result.getPsf()
    assert isinstance(whole, CellPsf)
    assert "_sampled" not in vars(whole)
    assert whole.getComponentCount() == 1
    assert "_sampled" in vars(whole)
    np.testing.assert_array_equal(whole.boxes, [[-30, 205, 104, 316]])
    np.testing.assert_array_equal(whole.positions, [[36.5, 260.0]])
    with pytest.raises(ValueError, match="read-only"):
        whole.images[0] = 0
    for duplicate in (pickle.loads(pickle.dumps(whole)), result.clone().getPsf()):
        np.testing.assert_array_equal(duplicate.images, whole.images)
        np.testing.assert_array_equal(duplicate.boxes, whole.boxes)
