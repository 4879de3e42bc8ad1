"""The noisy renders of a shot → a network for this shot, and its frames denoised by it, without any reference."""
