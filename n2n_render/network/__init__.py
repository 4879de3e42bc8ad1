"""What a denoiser is: networks and the files that hold them."""
