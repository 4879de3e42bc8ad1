"""What n2n-render takes from this package is in four modules; nothing is imported before it is needed."""
