"""Tunesmith: records → recipe → run folder → report."""

__version__ = "0.1.0"
