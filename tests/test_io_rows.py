"""Planes that are read row by row."""

import numpy as np

from whitediff.io.rows import Rows


def test_changed_rows_are_read_where_they_are_looked_at():
    pixels = np.arange(70).reshape(7, 10)
    seen = []

    def halved(read):
        seen.append(read.shape)
        read //= 2  # which leaves the plane alone
        return read

    changed = Rows((7, 10), pixels.dtype, lambda rows: pixels[rows].copy()).map(np.float32, halved)
    expected = (np.arange(70).reshape(7, 10) // 2).astype(np.float32)
    for key in (np.s_[2:5], np.s_[1:7:3], np.s_[2:5, 3:7]):
        found = changed[key]
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected[key])
    assert seen == [(3, 10), (2, 10), (3, 4)]
    twice = changed.map(np.bool_, lambda read: read > 10)
    np.testing.assert_array_equal(twice[4:6, 0:2], expected[4:6, 0:2] > 10)
    assert seen[-1] == (2, 2)
