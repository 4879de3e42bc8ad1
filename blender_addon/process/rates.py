"""How long work took → how long it will take: seconds a unit, kept in a file between sessions. No bpy here."""

import contextlib
import json
import os


class Rates:
    """Measured rates by name. A file that is damaged or cannot be written costs the memory, and nothing else."""

    def __init__(self, path: str):
        self.path = path
        self._rates: dict[str, float] = {}
        with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
            found = json.load(file)
            if isinstance(found, dict):
                self._rates = {name: float(rate) for name, rate in found.items() if isinstance(rate, int | float) and rate > 0}

    def tell(self, name: str, seconds: float, units: float):
        """The newest measurement counts: another GPU, another scene."""
        if units <= 0 or seconds <= 0:
            return
        self._rates[name] = seconds / units
        partial = f"{self.path}.partial"
        with contextlib.suppress(OSError):
            with open(partial, "w", encoding="utf-8") as file:
                json.dump(self._rates, file, indent=1)
            os.replace(partial, self.path)

    def seconds(self, name: str, units: float) -> float | None:
        """None: it was never measured."""
        rate = self._rates.get(name)
        return None if rate is None else rate * units
