"""How the pages of the documentation become a site: `make docs`."""

import subprocess
from importlib.metadata import version as version_of
from pathlib import Path

DOCS = Path(__file__).parent
BUILD = DOCS.parent / "build/docs"

project = "whitediff"
author = "The whitediff developers"
copyright = "The whitediff developers"
version = release = version_of("whitediff")

extensions = [
    "breathe",
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
# Every reference leads somewhere, but those to packages that are not linked, and those of Doxygen
# to files and whole classes, for which the pages of headers have no anchors.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(collections|numpy|typing)\..*"),
    ("std:ref", r"\w+_8hpp|(class|struct)whitediff_1_1\w+"),
]

# Markdown as a forge shows it: fenced math, comments that are code for tests.
myst_enable_extensions = ["colon_fence", "dollarmath", "html_image"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 3
# Links from pages to files beside the documentation lead to the repository.
myst_url_schemes = {"http": None, "https": None, "mailto": None}
# Each public header opens the one namespace again.
suppress_warnings = ["duplicate_declaration.cpp"]

nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# Other sites are linked by hand, so that the documentation builds without a network.
intersphinx_mapping: dict[str, tuple[str, None]] = {}

copybutton_prompt_text = r">>> |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp"

html_theme = "pydata_sphinx_theme"
html_title = "whitediff"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "github_url": "https://github.com/whitediff/whitediff",
    "navbar_align": "left",
    "show_toc_level": 2,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
}

breathe_projects = {"whitediff": str(BUILD / "doxygen/xml")}
breathe_default_project = "whitediff"
breathe_default_members = ("members",)

_DOXYGEN = f"""
INPUT = {DOCS.parent / "cpp/include/whitediff"}
OUTPUT_DIRECTORY = {BUILD / "doxygen"}
GENERATE_HTML = NO
GENERATE_LATEX = NO
GENERATE_XML = YES
XML_PROGRAMLISTING = NO
MARKDOWN_SUPPORT = YES
MACRO_EXPANSION = YES
EXPAND_ONLY_PREDEF = YES
PREDEFINED = WHITEDIFF_EXPORT=
QUIET = YES
WARN_IF_UNDOCUMENTED = NO
WARN_IF_INCOMPLETE_DOC = NO
WARN_AS_ERROR = YES
"""
(BUILD / "doxygen").mkdir(parents=True, exist_ok=True)
subprocess.run(["doxygen", "-"], input=_DOXYGEN, text=True, check=True)
