"""The whole road on a scene of our own."""
