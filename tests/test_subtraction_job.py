"""What may be asked for."""

import pickle
from pathlib import Path

import pytest

from whitediff import Grid
from whitediff.options import WhitenOptions
from whitediff.subtraction import Job, JobError
from whitediff.subtraction.colour import Resampling

FILES = {
    name: Path(f"{name}.fits") for name in ("science", "template", "difference", "kernel", "output")
}


def test_inputs_are_all_files_that_are_read():
    names = ["science", "template", "difference", "kernel"]
    assert Job(**FILES).inputs == [FILES[name] for name in names]
    job = Job(**FILES, science_variance=3.0, template_variance=Path("v"), psf=Path("psf"))
    assert job.inputs[4:] == [Path("v"), Path("psf")]
    lags, others = Path("lags"), Path("others")
    job = Job(**FILES, template_covariance=lags, covariance=others)
    assert job.inputs[4:] == [lags, others]
    assert Job(**FILES, science_covariance=Resampling("lanczos3")).inputs[4:] == []


def test_what_remains_of_the_colour():
    auto = WhitenOptions(covariance="auto")
    assert Job(**FILES).remaining == "none"
    assert Job(**FILES, options=auto).remaining == "auto"
    assert Job(**FILES, options=auto, covariance="measured").remaining == "measured"
    blind = {name: FILES[name] for name in ("difference", "output")}
    assert Job(**blind).remaining == "measured"
    assert Job(**blind, options=auto).remaining == "auto"
    assert Job(**blind).is_blind and not Job(**FILES).is_blind


@pytest.mark.parametrize("missing", ["science", "template", "kernel"])
def test_all_of_a_subtraction_or_the_difference_alone(missing):
    files = {name: path for name, path in FILES.items() if name != missing}
    with pytest.raises(JobError, match=f"{missing} is missing: give science, template and kernel"):
        Job(**files)


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
