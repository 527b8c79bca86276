import re

import pytest

from raycluster.embedding.preflight import check_disk, shard_limit, spilled_bytes
from raycluster.errors import UserError


def test_an_ordinary_object_store_leaves_the_shards_alone():
    assert shard_limit(4e9, 3 * 224 * 224) == (2**25, None)


def test_a_small_object_store_gets_small_shards_and_a_sentence():
    limit, sentence = shard_limit(80e6, 3 * 224 * 224)
    assert limit == 2_500_000
    assert sentence == (
        "Ray's object store holds only 80.0 MB, so shards are limited to 2.5 MB of images instead of 33.6 MB."
    )


def test_images_that_do_not_pass_through_the_object_store_are_refused():
    with pytest.raises(UserError, match=r"An image takes 12\.0 MB and Ray's object store holds 80\.0 MB"):
        shard_limit(80e6, 12_000_000)


def test_a_disk_that_cannot_hold_the_embeddings_is_refused_before_the_start(tmp_path):
    sentence = "The embeddings of 1,000,000,000,000 images will take 562.8 TB, and "
    with pytest.raises(UserError, match=re.escape(sentence)):
        check_disk(tmp_path / "not" / "there", 10**12, 128, 0)
    assert "1,000 embeddings of 128 numbers will take about 572.2 kB of" in check_disk(tmp_path, 1000, 128, 9000)


def test_ray_tells_what_it_has_spilled(ray_session):
    assert spilled_bytes() >= 0
