"""The one loop of training, and its pieces: samplers, losses, judges."""
