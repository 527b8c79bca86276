import numpy as np
import pytest
import torch

from raycluster.methods.jule.network import JuleCNN
from raycluster.nn.batches import in_batches, usual_batch


@pytest.fixture
def net():
    torch.manual_seed(0)
    return JuleCNN((1, 8, 8), 20).eval()


IMAGES = np.arange(23 * 64, dtype=np.uint32).astype(np.uint8).reshape(23, 1, 8, 8)


def test_batches_are_halved_where_memory_runs_out_and_no_row_is_lost(net):
    tried = []

    def work(inputs):
        tried.append(len(inputs))
        if len(inputs) > 5:
            raise torch.OutOfMemoryError
        return inputs

    done = list(in_batches(net, IMAGES, work))
    assert tried == [23, 11, 5, 5, 5, 5, 3]
    assert [rows for rows, _ in done] == [slice(0, 5), slice(5, 10), slice(10, 15), slice(15, 20), slice(20, 23)]
    torch.testing.assert_close(torch.cat([result for _, result in done]), net.prepare(torch.tensor(IMAGES)))
    tried.clear()
    list(in_batches(net, IMAGES, work))
    assert tried == [5, 5, 5, 5, 3]  # remembered


def test_a_single_image_that_does_not_fit_is_an_error(net):
    def work(inputs):
        raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError):
        list(in_batches(net, IMAGES, work))


def test_large_images_come_in_small_batches_and_more_of_them_on_gpus(net):
    assert usual_batch(net, "cpu") == 250
    net.shape = (3, 224, 224)
    assert (usual_batch(net, "cpu"), usual_batch(net, "cuda")) == (55, 445)
    net.shape = (3, 4000, 4000)
    assert usual_batch(net, "cpu") == 1
