"""A fly-through → its frames denoised while it renders, by a network that learns from each frame as it comes."""
