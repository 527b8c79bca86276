import pytest
import torch

from raycluster.methods.jule import METHOD
from raycluster.methods.jule.network import JuleCNN, choose_blocks


@pytest.mark.parametrize(
    ("height", "width", "blocks", "flat"),
    [
        (16, 16, 1, 6 * 6 * 50),
        (28, 28, 2, 8 * 8 * 50),
        (32, 32, 2, 5 * 5 * 50),
        (112, 92, 3, 14 * 12 * 50),
        (128, 128, 4, 5 * 5 * 50),
        (55, 55, 2, 14 * 14 * 50),
    ],
)
def test_published_sizes_give_the_published_networks(height, width, blocks, flat):
    assert len(choose_blocks(height, width)) == blocks
    assert JuleCNN((1, height, width)).embed.in_features == flat


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (8, 8), (24, 24), (20, 128), (56, 46), (200, 300)])
def test_every_other_size_ends_with_a_map_of_at_most_12x12(size):
    net = JuleCNN((3, *size)).eval()
    maps = net.trunk[:-1](net.prepare(torch.zeros(1, 3, *size, dtype=torch.uint8)))
    assert min(maps.shape[2:]) >= 1
    assert max(maps.shape[2:]) <= 12


@pytest.mark.parametrize(
    ("size", "enlarged"), [((8, 8), (16, 16)), ((3, 5), (9, 15)), ((9, 4), (9, 4)), ((28, 28),) * 2]
)
def test_tiny_images_are_enlarged_bilinearly_by_a_whole_number(size, enlarged):
    net = JuleCNN((1, *size))
    images = torch.randint(0, 256, (2, 1, *size), dtype=torch.uint8)
    prepared = net.prepare(images)
    assert prepared.shape == (2, 1, *enlarged)
    torch.testing.assert_close(prepared[..., 0, 0], images[..., 0, 0] / 255)
    assert prepared.max() <= images.max() / 255
    assert net(prepared).shape == (2, 160)


def test_embeddings_have_unit_length_and_stay_float32_under_autocast():
    net = JuleCNN((1, 16, 16))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        embeddings = net(torch.rand(4, 1, 16, 16))
    assert embeddings.dtype == torch.float32
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(4))


def test_weights_start_normal_with_standard_deviation_0_01_and_zero_biases():
    torch.manual_seed(0)
    net = JuleCNN((1, 28, 28))
    assert net.embed.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert net.trunk[0].bias.abs().max() == 0


def test_the_architecture_rebuilds_the_same_network():
    net = JuleCNN((3, 32, 32), embedding_size=20)
    description = net.architecture()
    again = JuleCNN(tuple(description["shape"]), description["embedding_size"])
    again.load_state_dict(net.state_dict())
    small = JuleCNN((1, 8, 8), enlarge=1)  # as earlier versions made it
    del (before := small.architecture())["enlarge"]
    METHOD.build_network(before).load_state_dict(small.state_dict())
