"""The version: in files that are written, so that a later one knows whose they are."""

__version__ = "0.1.0"
