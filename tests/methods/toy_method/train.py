from dataclasses import dataclass

import numpy as np
import torch

from raycluster.methods.base import Context, Outcome
from raycluster.metrics.kmeans import kmeans
from toy_method.network import ToyNet
from toy_method.settings import ToySettings


@dataclass(frozen=True)
class Clusters:
    labels: np.ndarray
    centroids: np.ndarray


def cluster(codes: np.ndarray, n_clusters: int) -> Clusters:
    found = kmeans(codes, n_clusters)
    return Clusters(found.labels, found.centroids)


def train_toy(settings: ToySettings, n_clusters: int, context: Context) -> Outcome:
    torch.manual_seed(context.seed)
    net = ToyNet(context.feed.shape, n_clusters).to(context.device)
    model = context.wrap(net)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    begun = 0
    if saved := context.restore():
        net.load_state_dict(saved[0])
        begun = saved[1]["epoch"]
    for epoch in range(begun, settings.epochs):
        for batch in context.feed.train_batches(50, epoch):
            pixels = net.prepare(batch.images)
            loss = (model(pixels) - pixels.flatten(1)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        context.report({"kind": "epoch", "epoch": epoch + 1, "epochs": settings.epochs, "loss": loss.item()})
        context.save(net.state_dict(), {"epoch": epoch + 1})
    with torch.no_grad():
        parts = [(b.ids, net.embed_images(b.images)) for b in context.feed.eval_batches(100)]
    ids, codes = (torch.cat(tensors).cpu().numpy() for tensors in zip(*parts, strict=True))
    found = context.run_on_driver(0, cluster, ids, codes, n_clusters=n_clusters)
    net.centroids.copy_(torch.from_numpy(found.centroids))
    return Outcome(net.eval(), {"codes": found.labels}, "codes", ids, codes)
