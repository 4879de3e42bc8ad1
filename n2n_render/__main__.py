"""`python -m n2n_render …`: the command line."""

from .cli.start import main

if __name__ == "__main__":
    main()
