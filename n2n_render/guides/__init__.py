"""What else is known about a frame: its clean albedo and normal, and what the frames beside it show of it."""
