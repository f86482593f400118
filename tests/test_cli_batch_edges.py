"""``whitediff batch`` at the limits of what a manifest may hold, and how often it saves."""

from types import SimpleNamespace

from astropy.table import Table

from batch_files import SHAPE, read_results, row_of, write_manifest
from command_line import run_command
from whitediff.cli.batch import results as batch_results
from whitediff.cli.batch.manifest import Manifest
from whitediff.cli.batch.row import Finished


def test_an_image_may_be_without_noise(tmp_path):
    """As a template that was stacked from many images nearly is."""
    assert run_command("simulate", tmp_path / "0", "--shape", *SHAPE) == 0
    row = row_of(tmp_path, 0, template_variance=0)
    manifest = write_manifest(tmp_path / "night.csv", [row])
    assert run_command("batch", manifest, "--jobs", 1) == 0
    results = read_results(tmp_path / "night.results.ecsv")
    assert list(results["template_variance_mean"]) == [0.0]


def test_news_are_saved_after_a_pause(tmp_path, monkeypatch):
    """A save that takes no time is followed by the shortest pause, of a second."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(batch_results, "time", SimpleNamespace(monotonic=lambda: clock.now))
    path = tmp_path / "results.ecsv"
    manifest = Manifest(tmp_path / "night.csv", Table({"output": ["white.fits"]}), [None])
    results = batch_results.Results(path, manifest, {}, overwrite=False)
    results.save()
    results.record(Finished(0))
    clock.now += 0.9
    results.save_now_and_then()
    assert list(read_results(path)["status"]) == ["waiting"]
    clock.now += 0.2
    results.save_now_and_then()
    assert list(read_results(path)["status"]) == ["done"]
