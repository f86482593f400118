"""Small numbers of damaged files, odd calls, signals and killed batches."""

import faults


def check(counts):
    assert counts and not [what for what in counts if "BAD" in what], counts


def test_mutants(tmp_path):
    check(faults.mutants(1, tmp_path, 7))


def test_calls():
    check(faults.calls(150, 7))


def test_signals(tmp_path):
    check(faults.signals(8, tmp_path, 7))


def test_batch(tmp_path):
    check(faults.batch(20, tmp_path, 7))


def test_places(tmp_path):
    check(faults.places(tmp_path))
