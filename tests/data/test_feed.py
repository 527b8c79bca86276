import numpy as np
import pytest

from raycluster.data.feed import ResidentFeed, choose_feed, local_batch_size, share, shuffled_order, training_steps

N = 103
IMAGES = np.random.default_rng(0).integers(0, 256, (N, 1, 2, 3), dtype=np.uint8)


def feeds(world_size: int, n: int = N) -> list[ResidentFeed]:
    return [ResidentFeed(IMAGES[:n], "cpu", rank, world_size, seed=5) for rank in range(world_size)]


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("n", [N, 7, 2])
def test_an_evaluation_pass_yields_every_row_once_and_in_order(world_size, n):
    batches = [batch for feed in feeds(world_size, n) for batch in feed.eval_batches(10)]
    assert np.concatenate([batch.ids for batch in batches]).tolist() == list(range(n))
    np.testing.assert_array_equal(np.concatenate([batch.images for batch in batches]), IMAGES[:n])
    assert max(len(batch.ids) for batch in batches) <= 10


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_workers_take_equally_many_steps_and_share_no_image(world_size):
    epochs = [list(feed.train_batches(20, epoch=1)) for feed in feeds(world_size)]
    assert {len(batches) for batches in epochs} == {feeds(world_size)[0].steps(20)}
    ids = np.concatenate([batch.ids for batches in epochs for batch in batches])
    assert len(np.unique(ids)) == len(ids)
    assert len(ids) > N - 21
    for batches in epochs:
        for batch in batches:
            assert len(batch.ids) == -(-20 // world_size)
            np.testing.assert_array_equal(batch.images, IMAGES[batch.ids])


def test_images_are_picked_by_row_whichever_worker_they_belong_to():
    for feed in feeds(2):
        np.testing.assert_array_equal(feed.pick(np.array([100, 3, 3])), IMAGES[[100, 3, 3]])


def test_the_order_depends_only_on_seed_and_epoch():
    def order(seed, epoch):
        return [batch.ids.tolist() for batch in ResidentFeed(IMAGES, seed=seed).train_batches(20, epoch)]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_shares_differ_by_at_most_one_row_and_cover_everything():
    assert [share(10, rank, 3) for rank in range(3)] == [(0, 3), (3, 6), (6, 10)]
    assert [share(2, rank, 3) for rank in range(3)] == [(0, 0), (0, 1), (1, 2)]


def test_batches_are_never_empty_nor_larger_than_the_set():
    assert (local_batch_size(1000, 100, 3), training_steps(1000, 100, 3)) == (34, 9)
    assert (local_batch_size(30, 100, 2), training_steps(30, 100, 2)) == (15, 1)


def test_groups_appear_in_short_runs_and_nothing_is_lost():
    groups = np.repeat(np.arange(10), 12)
    order = shuffled_order(np.arange(120), [0], groups)
    assert sorted(order) == list(range(120))
    changes = np.flatnonzero(np.diff(groups[order])) + 1
    runs = np.diff([0, *changes, 120])
    assert len(runs) <= 30  # runs of 5, 5 and 2 in each group; adjacent runs may happen to be from one group
    assert len(runs) > 15
    assert not np.array_equal(order, shuffled_order(np.arange(120), [1], groups))


def test_the_feed_is_chosen_by_size_or_by_request():
    assert choose_feed(1000, 1000)[0] == "resident"
    assert choose_feed(1001, 1000)[0] == "streaming"
    assert choose_feed(10**6, 2e6) == (
        "resident",
        "The images are kept in memory (1.0 MB of images, up to 2.0 MB fit).",
    )
    name, sentence = choose_feed(10, 1000, requested="streaming")
    assert name == "streaming"
    assert "as requested" in sentence
