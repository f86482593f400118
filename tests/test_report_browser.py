"""Pages in a browser: no error, no request, room enough on a phone, legible by day and by night."""

import json
import re
from html import unescape

import numpy as np
import pytest
from matplotlib.image import imread

from browser import browse, needs_browser
from command_line import options, run_command

pytestmark = needs_browser

SHAPE = (140, 171)
# What a person would do, and see; it stands in a copy of the page, whose policy lets scripts run.
LOOK = """<script>
const out = {wide: document.documentElement.scrollWidth, seen: innerWidth};
const [head] = document.querySelectorAll("table.sortable th");
const rows = () => [...head.closest("table").tBodies[0].rows];
const column = () => rows().map((row) => row.cells[0].textContent);
out.before = column();
head.querySelector("button").click();
out.once = column();
head.querySelector("button").click();
out.twice = column();
out.broken = [...document.images].filter((image) => !image.naturalWidth).length;
out.sort = head.getAttribute("aria-sort");
parent.postMessage(JSON.stringify(out), "*");
</script></body>"""
# Windows have a width that they must have; what is in a frame may be as narrow as a phone.
FRAME = """<!doctype html><iframe src="{name}" style="width: {width}px; border: 0"></iframe>
<script>addEventListener("message", (event) => {{ document.body.dataset.out = event.data; }});
</script>"""


def requests_of(directory):
    """Addresses that a page has asked for, of those that the browser has."""
    events = json.loads((directory / "net.json").read_text())["events"]
    asked = [event.get("params", {}) for event in events]
    own = ("not an origin", None)
    return {one["url"] for one in asked if "url" in one and one.get("initiator") not in own}


def chromium(directory, page, *arguments, dark=False, size=(1200, 900)):
    """What the browser prints, of its own and of the page."""
    done = browse(
        directory / "profile",
        page.as_uri(),
        "--disable-component-update",
        "--disable-features=NetworkTimeServiceQuerying",
        "--hide-scrollbars",
        "--enable-logging=stderr",
        f"--log-net-log={directory / 'net.json'}",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        f"--window-size={size[0]},{size[1]}",
        *arguments,
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A page about one result."""
    directory = tmp_path_factory.mktemp("pages")
    assert run_command("simulate", directory, "--shape", *SHAPE, "--seed", 4) == 0
    page = directory / "run.html"
    output = directory / "white.fits"
    arguments = [*options(directory), "-o", output, "--report", page]
    assert run_command("decorrelate", *arguments) == 0
    return [page]


@pytest.mark.parametrize("width", [1100, 390])
def test_a_page_asks_nobody_and_can_be_used(pages, tmp_path, width):
    for page in pages:
        (tmp_path / page.name).write_text(page.read_text().replace("</body>", LOOK))
        frame = tmp_path / "frame.html"
        frame.write_text(FRAME.format(name=page.name, width=width))
        dom = chromium(tmp_path, frame, "--dump-dom", "--virtual-time-budget=3000")
        seen = json.loads(unescape(re.search(r'data-out="([^"]*)"', dom).group(1)))
        # Nothing but tables, in a frame of their own, is wider than the window.
        assert seen["wide"] <= seen["seen"] == width
        assert seen["broken"] == 0
        assert sorted(seen["before"], key=float) == seen["once"] == seen["twice"][::-1]
        assert seen["sort"] == "descending" and len(seen["once"]) > 2
        assert not {url for url in requests_of(tmp_path) if not url.startswith(("file:", "data:"))}


def test_requests_would_be_seen(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<!doctype html><img src="http://nowhere.invalid/a.png">')
    # What cannot be had is no error of the page.
    chromium(tmp_path, page, "--dump-dom")
    assert "http://nowhere.invalid/a.png" in requests_of(tmp_path)


def test_a_page_is_legible_by_day_and_by_night(pages, tmp_path):
    for page in pages:
        seen = {}
        for dark in (False, True):
            name = tmp_path / f"{dark}.png"
            chromium(tmp_path, page, f"--screenshot={name}", dark=dark, size=(390, 4000))
            seen[dark] = imread(name)[..., :3].mean(axis=-1)
        day, night = seen[False], seen[True]
        assert day.shape == night.shape == (4000, 390)
        assert np.median(day) > 0.95 and np.median(night) < 0.15
        # Letters and lines are as far from their paper as by day, but for stamps, which are alike.
        for picture in (day, night):
            strokes = abs(picture - np.median(picture)) > 0.5
            assert strokes.mean() > 0.01
