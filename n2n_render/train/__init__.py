"""Pairs become a checkpoint."""
