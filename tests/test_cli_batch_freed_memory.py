"""Memory that rows on a cluster free, and have again."""

import os
import subprocess
import sys

import pytest

COUNT = """
import resource
import numpy as np
from whitediff.cli.batch.freed_memory import freed_memory_kept

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(1 << 20, np.uint8)  # 256 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(faults())
with freed_memory_kept():
    faults()
    print(faults())
print(faults())
"""


@pytest.mark.skipif(
    sys.platform != "linux" or "CS_GNU_LIBC_VERSION" not in os.confstr_names,
    reason="it asks glibc",
)
def test_arrays_have_the_memory_of_those_before_them():
    environment = os.environ | {"MALLOC_TRIM_THRESHOLD_": "65536"}
    run = [sys.executable, "-c", COUNT]
    said = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout
    before, within, after = map(int, said.split())
    # New mappings have all of their pages anew.
    assert min(before, after) > 19 * 256
    assert within < 256
