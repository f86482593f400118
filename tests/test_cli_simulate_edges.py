"""The PSFs that ``whitediff simulate`` writes."""

import numpy as np

from command_line import run_command
from whitediff.io import read_exposure
from whitediff.simulate import simulate


def test_psfs_are_right_everywhere(tmp_path):
    shape = (75, 131)
    assert run_command("simulate", tmp_path, "--shape", *shape, "--seed", 3) == 0
    psf = read_exposure(tmp_path / "science.fits").psf
    truth = simulate(shape, seed=3).science_psf
    x, y = np.array([[0.0, 130.0, 64.5, 20.3], [0.0, 74.0, 36.9, 70.1]])
    # Its pixels are polynomials of the second order: rounding.
    np.testing.assert_allclose(psf.kernel_images(x, y), truth.evaluate(x, y), atol=1e-12)
