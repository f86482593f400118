"""Figures, and pages that a person looks at."""

from .figure import Picture, whiteness_figure
from .page import write_report

__all__ = ["Picture", "whiteness_figure", "write_report"]
