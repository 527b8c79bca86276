from dataclasses import replace

import numpy as np
import pytest

from raycluster.data.images import open_images
from raycluster.errors import UserError
from raycluster.export.evaluate import MOST_IMAGES, EvaluateOptions, evaluate_run, frozen_features, labelled_rows
from raycluster.models.dccm_cnn import DccmCNN
from raycluster.models.jule_cnn import JuleCNN
from raycluster.models.resnet import ConcurlNet


@pytest.mark.parametrize(
    ("net", "sizes"),
    [
        (DccmCNN((1, 32, 32), 5), {"conv": 256, "fc": 64}),
        (JuleCNN((1, 8, 8), 20), {"embedding": 20}),
        (ConcurlNet((1, 32, 32), 5), {"trunk": 512, "head": 256, "nce": 128}),
    ],
    ids=["dccm", "jule", "concurl"],
)
def test_every_layer_gives_one_row_an_image(net, sizes):
    pixels = np.zeros((3, *net.shape), np.uint8)
    found = frozen_features(net.eval(), pixels)
    assert {name: values.shape for name, values in found.items()} == {name: (3, size) for name, size in sizes.items()}


@pytest.fixture
def images(tmp_path):
    np.savez(tmp_path / "set.npz", images=np.zeros((4, 8, 8), np.uint8), labels=[3, -1, 4, 3])
    return open_images(str(tmp_path / "set.npz"))


def test_images_of_unknown_class_are_left_out_and_large_sets_are_sampled(images):
    rows, labels = labelled_rows(images, seed=0)
    assert (rows.tolist(), labels.tolist()) == ([0, 2, 3], [3, 4, 3])
    many = replace(images, labels=np.zeros(MOST_IMAGES + 5, np.int64))
    rows, labels = labelled_rows(many, seed=0)
    assert len(rows) == len(labels) == MOST_IMAGES
    assert (np.diff(rows) > 0).all()
    with pytest.raises(UserError, match="No image has a known class"):
        labelled_rows(replace(images, labels=None), seed=0)


def test_a_folder_without_a_finished_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no finished run"):
        evaluate_run(EvaluateOptions(run=str(tmp_path)))
