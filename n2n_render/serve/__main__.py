"""`python -m n2n_render.serve`."""

from .server import main

if __name__ == "__main__":
    main()
