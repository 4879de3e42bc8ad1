"""What the artist sees and presses, inside Blender."""
