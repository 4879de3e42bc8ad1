"""A .blend file becomes noisy pairs, rendered by a child process."""
