"""Where the PSFs are known that ``whitediff simulate`` writes."""

import numpy as np

from command_line import run_command
from whitediff.io import read_exposure


def test_psfs_are_those_at_the_middle_of_their_cells(tmp_path):
    shape = (75, 131)
    assert run_command("simulate", tmp_path, "--shape", *shape) == 0
    psf = read_exposure(tmp_path / "science.fits").psf
    expected = [
        (np.arange(x0, x1).mean(), np.arange(y0, y1).mean()) for x0, y0, x1, y1 in psf.boxes
    ]
    np.testing.assert_array_equal(psf.positions, expected)
    covered = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in psf.boxes)
    assert covered == np.prod(shape)
