import pytest

from raycluster.embedding.shard_size import shard_limit, shard_rows
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


def test_shards_have_a_length_that_no_worker_has_a_say_in():
    assert shard_rows(100, 784, 2**25) == 512
    assert shard_rows(70_000, 784, 2**25) == 1093
    assert shard_rows(10**7, 784, 2**25) == 4096
    assert shard_rows(10**7, 3 * 224 * 224, 2**25) == 222
    assert shard_rows(10, 10**9, 2**25) == 1
