"""A checkpoint → the same function with more guides, to be trained further."""

from dataclasses import replace

import torch

from ..errors import N2NError
from .build import build_network
from .checkpoint import Checkpoint


def widen(checkpoint: Checkpoint, features: tuple[str, ...]) -> Checkpoint:
    """The same function with more guides: the new input channels have zero weights. Training teaches it to use them.

    `features` must hold those of the checkpoint. Weights of convolutions that see the input have it as their last channels.
    """
    narrow, wide = checkpoint.model, replace(checkpoint.model, features=features)
    missing = [feature for feature in narrow.features if feature not in features]
    if missing:
        raise N2NError(
            f"the model to start from uses the feature {missing[0]!r}, which --features leaves out",
            f"Pass --features {','.join(narrow.features)}, or more.",
        )
    if narrow.features == features:
        return checkpoint
    wide_places = wide.layout.places()
    places = torch.cat([torch.arange(wide_places[name].start, wide_places[name].stop) for name in narrow.layout.names])
    weights, given = {}, checkpoint.tensors()
    for name, tensor in build_network(wide).state_dict().items():
        ours = given[name]
        if tensor.shape != ours.shape:
            before = ours.shape[1] - narrow.in_channels  # channels that come from a level below
            tensor = torch.zeros_like(tensor)
            tensor[:, :before] = ours[:, :before]
            tensor[:, before + places] = ours[:, before:]
            ours = tensor
        weights[name] = ours
    return Checkpoint(wide, weights, checkpoint.provenance)
