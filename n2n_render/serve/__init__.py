"""Requests of other programs as JSON lines."""
