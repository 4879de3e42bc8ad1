"""What lies on disk: EXR files, sequences, datasets, and files written whole or not at all."""
