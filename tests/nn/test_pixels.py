import torch

from raycluster.nn.pixels import rgb


def test_gray_is_copied_to_three_channels_and_colors_stay_in_theirs():
    gray = rgb(torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8))
    torch.testing.assert_close(gray, torch.tensor([0.0, 0.2, 1.0]).expand(1, 3, 1, 3))
    colors = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 3, 1, 1)
    torch.testing.assert_close(rgb(colors).flatten(), torch.tensor([0.0, 0.2, 1.0]))
