"""Frames with references become numbers and pictures."""
