"""The built documentation in a browser: what is searched is found, and pages fit on a phone."""

import json
import re
import runpy
import threading
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from browser import browse, needs_browser

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "build/docs/html"
needs_site = pytest.mark.skipif(not (SITE / "index.html").exists(), reason="no site: make docs")
PHONE = 390
# Each page in a frame as wide as a phone, one after the other.
WIDTHS = """<!doctype html><iframe style="width: {width}px; height: 800px; border: 0"></iframe>
<script>
const pages = {pages}, out = {{}}, frame = document.querySelector("iframe");
const next = () => {{
  if (frame.src) out[frame.dataset.name] = frame.contentDocument.documentElement.scrollWidth;
  const name = pages.shift();
  if (name === undefined) {{ document.body.dataset.out = JSON.stringify(out); return; }}
  frame.dataset.name = name;
  frame.src = name;
}};
frame.addEventListener("load", () => {{ if (frame.src) next(); }});
next();
</script>"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def address(tmp_path):
    """Where the site is served, with whatever else lies in `tmp_path`."""
    for part in SITE.iterdir():
        (tmp_path / part.name).symlink_to(part)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def dom_of(url, profile, milliseconds):
    """The page as it stands after so many milliseconds of its own time."""
    done = browse(
        profile,
        url,
        f"--virtual-time-budget={milliseconds}",
        "--dump-dom",
        hosts="MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        timeout=300,
    )
    return done.stdout


@needs_site
@needs_browser
@pytest.mark.parametrize("word, page", [("hotpants", "hotpants.html"), ("photutils", "tutorials/")])
def test_what_is_searched_is_found(address, tmp_path_factory, word, page):
    profile = tmp_path_factory.mktemp("profile")
    dom = dom_of(f"{address}/search.html?q={word}", profile, 20_000)
    (results,) = re.findall(r'<div id="search-results">.*?</div>', dom, flags=re.S)
    assert f'<a href="{page}' in results
    nothing = dom_of(f"{address}/search.html?q=qwertzuiop", profile, 20_000)
    (results,) = re.findall(r'<div id="search-results">.*?</div>', nothing, flags=re.S)
    assert "<a href" not in results


@needs_site
@needs_browser
def test_no_page_scrolls_sideways_on_a_phone(address, tmp_path, tmp_path_factory):
    pages = [path.relative_to(SITE).as_posix() for path in sorted(SITE.rglob("*.html"))]
    pages = [page for page in pages if not page.startswith("_static")]
    (tmp_path / "widths.page.html").write_text(WIDTHS.format(width=PHONE, pages=json.dumps(pages)))
    dom = dom_of(f"{address}/widths.page.html", tmp_path_factory.mktemp("profile"), 300_000)
    widths = json.loads(unescape(re.search(r'data-out="([^"]*)"', dom).group(1)))
    assert list(widths) == pages
    assert {page: width for page, width in widths.items() if width > PHONE} == {}


@needs_site
def test_no_link_within_the_site_is_broken():
    assert runpy.run_path(str(ROOT / "docs/links.py"))["broken_links"](SITE) == []


def test_broken_links_are_seen(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#part">1</a><a href="b.html#lost">2</a><a href="lost.html">3</a>'
        '<img src="lost.png"><a href="#here" id="here">4</a><a href="https://nowhere.invalid">5</a>'
        '<a href="b.html?word=1">6</a><a href="../outside.html">7</a>'
    )
    (tmp_path / "b.html").write_text('<h1 id="part">B</h1>')
    assert runpy.run_path(str(ROOT / "docs/links.py"))["broken_links"](tmp_path) == [
        "a.html: ../outside.html",
        "a.html: b.html#lost",
        "a.html: lost.html",
        "a.html: lost.png",
    ]
