"""Independent observations without a renderer: what a camera, a printer, a scanner do to an image, said as formulas."""
