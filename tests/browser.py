"""A browser without a window, that reaches nobody but this machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["browse", "needs_browser"]

_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
needs_browser = pytest.mark.skipif(
    _CHROMIUM is None, reason="no chromium: apt-get install chromium"
)


def browse(
    profile: Path, url: str, *arguments: str, hosts: str = "MAP * ~NOTFOUND", timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run the browser on an address, with what it keeps in a directory of its own."""
    assert _CHROMIUM is not None
    command = [
        _CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
        # Nobody is there to ask.
        f"--host-resolver-rules={hosts}",
        f"--user-data-dir={profile}",
        *arguments,
        url,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=True)
