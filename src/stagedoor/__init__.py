"""Stagedoor: the identity, access and secrets layer for Conductor."""

__version__ = "0.1.0"
