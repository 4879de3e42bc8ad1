"""The command line: it translates, and does nothing else."""
