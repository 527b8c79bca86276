import pytest
import torch

from raycluster.methods.dccm.bcubed import bcubed


def test_bcubed_matches_the_values_computed_by_hand():
    # Images 0 and 1 of class 0 and image 2 of class 1 are linked to each other; image 3 of class 1 is alone.
    links = torch.eye(4, dtype=torch.bool)
    links[:3, :3] = True
    precision, recall, images = bcubed(links, torch.tensor([0, 0, 1, 1])).tolist()
    assert precision == pytest.approx(2 / 3 + 2 / 3 + 1 / 3 + 1)
    assert recall == pytest.approx(1 + 1 + 1 / 2 + 1 / 2)
    assert images == 4


def test_images_of_unknown_class_are_ignored():
    links = torch.ones(2, 3, 3, dtype=torch.bool)
    assert bcubed(links, torch.tensor([[0, 0, -1], [-1, 1, 1]])).tolist() == [4, 4, 4]
    assert bcubed(links, torch.full((2, 3), -1)).tolist() == [0, 0, 0]


def test_a_graph_without_links_is_precise_and_recalls_the_image_itself():
    assert bcubed(torch.eye(4, dtype=torch.bool), torch.zeros(4, dtype=torch.int64)).tolist() == [4, 1, 4]
