"""The one exception that users are meant to read."""


class N2NError(Exception):
    """What went wrong and in which file, with the next step as `hint`."""

    def __init__(self, what: str, hint: str = ""):
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}\n{self.hint}" if self.hint else self.what
