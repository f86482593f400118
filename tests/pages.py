"""HTML pages, read for tests."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """What a page holds.

    Attributes
    ----------
    elements : list of (str, dict)
        Names and attributes, in their order.
    text : dict of str to str
        The words in each element that has an ``id``, and in the ``whole``; scripts and styles are
        left out.
    tables : list of list of list of str
        Cells of the rows of each table.
    """

    def __init__(self, source):
        super().__init__()
        self.source = source
        self.elements, self.tables = [], []
        self.text = {"whole": ""}
        self._open = []
        self.feed(source)
        self.close()
        assert not self._open, self._open
        self.text = {name: " ".join(words.split()) for name, words in self.text.items()}

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        if tag in _VOID:
            return
        self._open.append((tag, attributes.get("id")))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        opened, _ = self._open.pop()
        assert opened == tag, f"<{opened}> ends with </{tag}>"

    def handle_data(self, data):
        tags = [tag for tag, _ in self._open]
        if {"script", "style"} & set(tags):
            return
        for name in {"whole", *(one for _, one in self._open if one)}:
            self.text[name] = self.text.get(name, "") + data + " "
        if {"td", "th"} & set(tags):
            self.tables[-1][-1][-1] += data

    def all(self, tag):
        """Attributes of all elements of a name."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def titles(self):
        """What the sections are called."""
        return re.findall(r"<h2>(.*?)</h2>", self.source)


def assert_self_contained(page):
    """Nothing on the page is anywhere else, and what is to be seen is told in words as well."""
    others = re.sub(r'xmlns(:\w+)?="[^"]*"|data:image/png;base64,[\w+/=\s]*', "", page.source)
    assert not re.search(r"https?:|\w//\w|@import", others)
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "embed")
        for name in ("src", "href", "xlink:href"):
            target = attributes.get(name, "")
            local = target.startswith(("data:image/png;base64,", "#")) or tag == "a"
            assert not target or local, (tag, target)
        if tag == "img":
            assert attributes["alt"]
        if tag == "svg":
            assert attributes["role"] == "img" and attributes["aria-label"]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert len(page.all("h1")) == 1 and page.all("html") == [{"lang": "en"}]
    (policy,) = (a["content"] for a in page.all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
