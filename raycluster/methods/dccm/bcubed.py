"""How well the links of a pseudo-graph agree with known classes."""

from __future__ import annotations

import torch


def bcubed(links: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Return the BCubed precision and recall of links, summed over the images of known class, and their number.

    An image's precision is the share of its links that go to its own class, and its recall is the share of the images
    in its class that it is linked to. Both include the image itself.

    Parameters
    ----------
    links : Tensor of bool, shape (..., b, b)
        With a full diagonal; the leading dimensions hold several graphs.
    classes : Tensor of int64, shape (..., b)
        -1 where unknown; these images are ignored.

    Returns
    -------
    sums : Tensor of float32, shape (3,)
        Precision, recall and number of images, on the device of the links.
    """
    known = classes >= 0
    same = (classes[..., :, None] == classes[..., None, :]) & known[..., :, None] & known[..., None, :]
    correct = (links & same).sum(dim=-1)
    linked = (links & known[..., None, :]).sum(dim=-1)
    shares = torch.stack([correct / linked.clamp_min(1), correct / same.sum(dim=-1).clamp_min(1)])
    return torch.cat([(shares * known).flatten(1).sum(dim=1), known.sum().float()[None]])
