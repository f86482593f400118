"""A subtraction whitened from files to a file.

``whiten_files`` reads images and kernel, whitens the difference image in bands of rows, so that
frames may be larger than memory, and writes the result with what is known of how it was made.
"""

from .job import InputImage, Job, JobError
from .run import WhitenedFile, whiten_files

__all__ = ["InputImage", "Job", "JobError", "WhitenedFile", "whiten_files"]
