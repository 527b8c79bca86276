import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
from PIL import Image

from raycluster.data import rows, streaming
from raycluster.data.feed import ResidentFeed
from raycluster.data.images import ImageSet, open_images
from raycluster.data.streaming import StreamingFeed, cut_ranges

N = 103


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (N, 5, 4), dtype=np.uint8)


@pytest.fixture(scope="module")
def image_set(ray_session, pixels, tmp_path_factory) -> ImageSet:
    """103 images in one compressed array, in ranges of at most 8."""
    folder = tmp_path_factory.mktemp("images")
    np.savez_compressed(folder / "a.npz", images=pixels)
    return open_images(str(folder))


@pytest.fixture(autouse=True)
def _short_ranges(monkeypatch):
    monkeypatch.setattr(rows, "MIN_RANGE_ROWS", 8)


def feeds(image_set: ImageSet, world_size: int, seed: int = 5) -> list[StreamingFeed]:
    return [StreamingFeed(image_set, "cpu", rank, world_size, seed) for rank in range(world_size)]


def test_images_are_picked_by_row_whichever_worker_they_belong_to(image_set, pixels):
    for feed in feeds(image_set, 2):
        np.testing.assert_array_equal(feed.pick(np.array([100, 3, 50]))[:, 0], pixels[[100, 3, 50]])


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_an_evaluation_pass_yields_every_row_once_and_in_order(image_set, pixels, world_size):
    batches = [batch for feed in feeds(image_set, world_size) for batch in feed.eval_batches(10)]
    assert np.concatenate([batch.ids for batch in batches]).tolist() == list(range(N))
    np.testing.assert_array_equal(np.concatenate([batch.images for batch in batches])[:, 0], pixels)
    assert max(len(batch.ids) for batch in batches) == 10


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_workers_take_equally_many_steps_and_share_no_image(image_set, pixels, world_size):
    epochs = [list(feed.train_batches(20, epoch=1)) for feed in feeds(image_set, world_size)]
    steps = ResidentFeed(pixels[:, None], world_size=world_size).steps(20)
    assert {len(batches) for batches in epochs} == {steps} == {feeds(image_set, world_size)[0].steps(20)}
    ids = np.concatenate([batch.ids for batches in epochs for batch in batches])
    assert len(np.unique(ids)) == len(ids)
    for batches in epochs:
        for batch in batches:
            assert len(batch.ids) == -(-20 // world_size)
            np.testing.assert_array_equal(batch.images[:, 0], pixels[batch.ids])


@pytest.mark.slow
def test_files_are_streamed_as_arrays_are(ray_session, pixels, tmp_path):
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{i:03}.png")
    feed = StreamingFeed(open_images(str(tmp_path)))
    evaluated, trained = list(feed.eval_batches(10)), list(feed.train_batches(20, epoch=1))
    for batch in evaluated + trained:
        np.testing.assert_array_equal(batch.images[:, 0], pixels[batch.ids])
    assert [row for batch in evaluated for row in batch.ids.tolist()] == list(range(N))
    assert len({row for batch in trained for row in batch.ids.tolist()}) == 100


def order(image_set: ImageSet, seed: int, epoch: int, **settings) -> list[int]:
    feed = StreamingFeed(image_set, seed=seed, **settings)
    return [row for batch in feed.train_batches(10, epoch) for row in batch.ids.tolist()]


def test_the_order_depends_only_on_seed_and_epoch(image_set):
    first = order(image_set, 0, 0)
    assert first == order(image_set, 0, 0)
    assert first != order(image_set, 0, 1)
    assert first != order(image_set, 1, 0)


def test_images_of_several_ranges_are_mixed_in_a_batch(image_set):
    assert len({row // 8 for row in order(image_set, 0, 0)[:10]}) >= 4


@pytest.mark.slow
def test_the_ranges_are_reshuffled_in_every_epoch(image_set):
    begins = image_set.ranges(0, N)[:, 0]
    first = [order(image_set, 0, epoch, window_bytes=1)[:10] for epoch in range(3)]
    assert len({frozenset(np.searchsorted(begins, rows, side="right")) for rows in first}) > 1


@pytest.mark.slow
def test_the_first_batches_mix_folders_of_one_class_each(ray_session, tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "FIRST_WINDOW_ROWS", 128)  # half of them
    for label in range(4):
        (tmp_path / str(label)).mkdir()
        for i in range(64):
            Image.new("L", (3, 3), label).save(tmp_path / str(label) / f"{i}.bmp")
    image_set = open_images(str(tmp_path))
    first = next(iter(StreamingFeed(image_set).train_batches(64, 0)))
    assert np.bincount(first.images[:, 0, 0, 0], minlength=4).min() > 6


def test_narrow_windows_mix_fewer_ranges(image_set):
    def mixed(window_bytes: int) -> float:
        rows = order(image_set, 0, 0, window_bytes=window_bytes)
        return np.mean([len({row // 8 for row in rows[i : i + 10]}) for i in range(0, 100, 10)])

    assert mixed(1) < 4 < 5 < mixed(10**6)


def test_groups_appear_together_within_a_window(image_set):
    groups = np.arange(N) % 4
    batches = list(StreamingFeed(image_set).train_batches(20, 0, groups))
    together = np.mean([(np.diff(groups[batch.ids]) == 0).mean() for batch in batches])
    apart = np.mean(
        [(np.diff(groups[batch.ids]) == 0).mean() for batch in StreamingFeed(image_set).train_batches(20, 0)]
    )
    assert together > 0.6 > 0.5 > apart
    ids = np.concatenate([batch.ids for batch in batches])
    assert len(np.unique(ids)) == 100


def test_a_pass_may_be_abandoned_and_restarted(image_set):
    feed = StreamingFeed(image_set)
    first = next(iter(feed.train_batches(10, 0)))
    again = next(iter(feed.train_batches(10, 0)))
    assert first.ids.tolist() == again.ids.tolist()


def test_fewer_images_than_workers_are_evaluated_once(ray_session, tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 3, 3), np.uint8))
    image_set = open_images(str(tmp_path / "a.npz"))
    batches = [[batch.ids.tolist() for batch in feed.eval_batches(10)] for feed in feeds(image_set, 3)]
    assert batches == [[], [[0]], [[1]]]


@ray.remote(num_cpus=1)
class Worker:
    """Occupies its CPU for its whole life, as a training worker does."""

    def __init__(self, image_set: ImageSet, rank: int, world_size: int) -> None:
        self.feed = StreamingFeed(image_set, "cpu", rank, world_size)

    def run(self) -> tuple[int, list[int]]:
        steps = sum(1 for _ in self.feed.train_batches(12, 0))
        return steps, [row for batch in self.feed.eval_batches(7) for row in batch.ids.tolist()]


@pytest.mark.slow
def test_all_workers_get_their_images_even_if_only_one_cpu_is_free(ray_session, tmp_path):
    images = [{"bytes": _png(i)} for i in range(N)]
    pq.write_table(pa.table({"image": images}), tmp_path / "a.parquet", row_group_size=10)
    image_set = open_images(str(tmp_path / "a.parquet"))
    world_size = int(ray.cluster_resources()["CPU"]) - 1
    workers = [Worker.remote(image_set, rank, world_size) for rank in range(world_size)]
    results = ray.get([worker.run.remote() for worker in workers], timeout=240)
    assert {steps for steps, _ in results} == {N // 12}
    assert [row for _, ids in results for row in ids] == list(range(N))
    for worker in workers:
        ray.kill(worker)


def _png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (4, 5), value).save(buffer, "PNG")
    return buffer.getvalue()


def test_ranges_placed_end_to_end_can_be_cut_anywhere():
    ranges = np.array([[10, 14], [0, 3], [20, 25]])
    laid = [10, 11, 12, 13, 0, 1, 2, 20, 21, 22, 23, 24]
    for start in range(13):
        for stop in range(start, 13):
            part = cut_ranges(ranges, start, stop)
            assert [row for first, last in part for row in range(first, last)] == laid[start:stop]
            assert (part[:, 0] < part[:, 1]).all()
