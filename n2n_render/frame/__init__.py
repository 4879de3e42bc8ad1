"""What an image is: frames, files, passes, transfer, tiles, metrics, pairs. numpy and OpenEXR only, but for two metrics."""
