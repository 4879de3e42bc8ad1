"""What an image is: frames, files, passes, radiance transfer, tiles, metrics, pairs. numpy and OpenEXR only."""
