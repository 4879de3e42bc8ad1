"""Two pictures → one, with a line between them."""


def wipe(pixels, left, position: float):
    """The picture `left` up to the line, in place. Both (H, W, 4), of the same size; position: of the line, from 0 to 1."""
    width = pixels.shape[1]
    line = round(position * width)
    pixels[:, :line] = left[:, :line]
    if 0 < line < width:
        thick = max(width // 960, 1)
        pixels[:, line : line + thick] = 1.0
        pixels[:, max(line - thick, 0) : line] = (0.0, 0.0, 0.0, 1.0)  # to be seen on white, too
