from typing import Any

import torch
from torch import nn

from raycluster.methods.network import MethodNetwork
from raycluster.nn.network import Prediction

SIZE = 16


class ToyNet(MethodNetwork):
    assigns = True
    embedding_size = SIZE
    centroids: torch.Tensor

    def __init__(self, shape: tuple[int, int, int], n_clusters: int) -> None:
        super().__init__()
        self.shape, self.n_clusters = shape, n_clusters
        pixels = shape[0] * shape[1] * shape[2]
        self.encoder, self.decoder = nn.Linear(pixels, SIZE), nn.Linear(SIZE, pixels)
        self.register_buffer("centroids", torch.zeros(n_clusters, SIZE))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(inputs.flatten(1)))

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        return images.float() / 255

    def layers(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"code": self.encoder(inputs.flatten(1))}

    def predict(self, inputs: torch.Tensor) -> Prediction:
        codes = self.layers(inputs)["code"]
        return Prediction(codes, torch.cdist(codes, self.centroids).argmin(dim=1))

    def architecture(self) -> dict[str, Any]:
        return {"name": "toy_net", "shape": list(self.shape), "n_clusters": self.n_clusters}
