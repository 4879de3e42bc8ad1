"""Whose EXR is it, and where does what lie in it: names and headers → a dialect. io/exr.py has the pixels."""
