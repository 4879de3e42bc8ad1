"""The one exception that artists are meant to read."""


class Problem(Exception):
    """What went wrong, and what to do next."""

    def __init__(self, what: str, hint: str = ""):
        super().__init__(f"{what}. {hint}" if hint and not what.endswith(".") else f"{what} {hint}".strip())
