"""Things that run a denoiser over encoded pixels."""
