"""What may be asked for."""

import pickle
from pathlib import Path

import pytest

from whitediff import Grid
from whitediff.options import WhitenOptions
from whitediff.subtraction import Job, JobError

FILES = {
    name: Path(f"{name}.fits") for name in ("science", "template", "difference", "kernel", "output")
}


def test_inputs_are_all_files_that_are_read():
    names = ["science", "template", "difference", "kernel"]
    assert Job(**FILES).inputs == [FILES[name] for name in names]
    job = Job(**FILES, science_variance=3.0, template_variance=Path("v"), psf=Path("psf"))
    assert job.inputs[4:] == [Path("v"), Path("psf")]


@pytest.mark.parametrize("options", [{"grid": Grid([[0, 0, 9, 9]])}, {"ignore_mask": 4}])
def test_options_that_files_do_not_have(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"options.{name} must not be given for files, got"):
        Job(**FILES, options=WhitenOptions(**options))


def test_preconvolved_comes_with_mode_score():
    with pytest.raises(JobError, match="preconvolved must come with mode score, got mode diff"):
        Job(**FILES, preconvolved=True)


def test_error_names_the_field():
    error = JobError("mode score needs a PSF: give ", "psf", " FILE")
    assert str(error) == "mode score needs a PSF: give psf FILE"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
