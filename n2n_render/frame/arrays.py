"""What arrays are called in signatures; shapes are said where they are used."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # mostly an image (H, W, C) float32
Mask = NDArray[np.bool_]  # mostly (H, W)
