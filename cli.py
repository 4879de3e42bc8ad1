"""Runs the command line from a checkout that is not installed: `python cli.py sample …`."""

from n2n_render.cli.start import main

if __name__ == "__main__":
    main()
