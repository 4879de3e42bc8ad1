"""A channel that a network may be shown beside the picture: how rough the surface is that is seen first."""

from n2n_render.frame.channels import Channel, Kind

# COVERAGE: one number a pixel from 0 to 1, that neither turns with the picture nor is exposed.
ROUGHNESS = Channel("roughness", Kind.COVERAGE, 1, passes=("roughness", "Roughness"))
