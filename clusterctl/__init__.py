"""Fault rates, communication share and blind spots of GPU training clusters, with their uncertainty."""

__version__ = "0.1.0"
