import numpy as np
import torch

from raycluster.methods.dccm.network import DccmCNN
from raycluster.methods.dccm.recluster import recluster
from raycluster.methods.dccm.settings import DccmSettings


def test_new_images_go_to_the_most_probable_cluster_in_batches_of_any_size(monkeypatch):
    torch.manual_seed(0)
    net = DccmCNN((1, 32, 32), 4).eval()
    images = np.random.default_rng(0).integers(0, 256, (7, 1, 32, 32), dtype=np.uint8)
    with torch.inference_mode():
        expected = net(net.prepare(torch.from_numpy(images))).probabilities.argmax(dim=1)
    monkeypatch.setattr("raycluster.methods.dccm.recluster.BATCH", 3)
    assert recluster(net, images, DccmSettings(), 0)["population"]["frozen"].tolist() == expected.tolist()
