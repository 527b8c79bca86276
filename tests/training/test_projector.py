import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tensorboard.plugins.projector import projector_plugin
from werkzeug.test import Client

from raycluster.data.images import open_images
from raycluster.training import projector
from raycluster.training.projector import draw_sprite, write_projector

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3) / 8


@pytest.fixture
def images(tmp_path):
    """Four images with the ids 0, 1, 3 and 4."""
    np.savez(tmp_path / "a.npz", images=np.arange(4, dtype=np.uint8)[:, None, None] + np.zeros((4, 6, 8), np.uint8))
    images = open_images(str(tmp_path / "a.npz"))
    paths = ['a\t"b"\n.png', *images.paths[1:]]
    return replace(images, ids=np.array([0, 1, 3, 4]), paths=paths, labels=np.array([7, 8, 9, -1]))


def served(logdir, path, **query):
    """Return what the projector of TensorBoard serves for a folder."""
    plugin = projector_plugin.ProjectorPlugin(SimpleNamespace(logdir=str(logdir), data_provider=None))
    plugin._update_configs()
    answer = Client(plugin.get_plugin_apps()[path]).get("/", query_string={"run": "."} | query)
    assert answer.status_code == 200, answer.text
    return answer


def test_tensorboard_serves_vectors_metadata_and_images_row_beside_row(images, tmp_path):
    confidence = np.array([0.5, 1, 0.25, 0], np.float32)
    write_projector(tmp_path, images, VECTORS, np.array([1, 1, 0, 0], np.int32), confidence)
    (embedding,) = served(tmp_path, "/info").json["embeddings"]
    assert (embedding["tensorName"], embedding["tensorShape"]) == ("embeddings", [4, 3])
    tensor = served(tmp_path, "/tensor", name="embeddings").data
    np.testing.assert_array_equal(np.frombuffer(tensor, np.float32).reshape(4, 3), VECTORS)
    assert served(tmp_path, "/metadata", name="embeddings").text.splitlines() == [
        "path\tcluster\tconfidence\tlabel",
        'a "b" .png\t1\t0.5\t7',
        "a.npz#1\t1\t1.0\t8",
        "a.npz#2\t0\t0.25\t9",
        "a.npz#3\t0\t0.0\t-1",
    ]
    sprite = np.asarray(Image.open(io.BytesIO(served(tmp_path, "/sprite_image", name="embeddings").data)))
    assert embedding["sprite"]["singleImageDim"] == [32, 32]
    assert sprite.shape == (64, 64, 3)
    assert sprite[16::32, 16::32, 0].tolist() == [[0, 1], [2, 3]]


def test_of_many_images_evenly_spaced_ones_are_shown(images, tmp_path, monkeypatch):
    monkeypatch.setattr(projector, "MOST_ROWS", 2)
    write_projector(tmp_path, images, VECTORS, np.arange(4, dtype=np.int32), np.zeros(4, np.float32))
    lines = served(tmp_path, "/metadata", name="embeddings").text.splitlines()
    assert [line.split("\t")[1] for line in lines] == ["cluster", "0", "3"]
    tensor = served(tmp_path, "/tensor", name="embeddings").data
    np.testing.assert_array_equal(np.frombuffer(tensor, np.float32).reshape(2, 3), VECTORS[[0, 3]])


def test_a_sprite_keeps_the_aspect_and_the_colors_of_images():
    sprite = np.asarray(
        draw_sprite(np.array([200, 100, 0], np.uint8)[None, :, None, None] + np.zeros((1, 3, 64, 32)).astype(np.uint8))
    )
    assert sprite.shape == (32, 32, 3)
    assert sprite[:, 8:24].reshape(-1, 3).tolist() == [[200, 100, 0]] * 512
    assert (sprite[:, :8] == 0).all()
    assert (sprite[:, 24:] == 0).all()
