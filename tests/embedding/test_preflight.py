import re

import pytest

from raycluster.embedding.preflight import check_disk, spilled_bytes
from raycluster.errors import UserError


def test_a_disk_that_cannot_hold_the_embeddings_is_refused_before_the_start(tmp_path):
    sentence = "The embeddings of 1,000,000,000,000 images will take 562.8 TB, and "
    with pytest.raises(UserError, match=re.escape(sentence)):
        check_disk(tmp_path / "not" / "there", 10**12, 128, 0)
    assert "1,000 embeddings of 128 numbers will take about 572.2 kB of" in check_disk(tmp_path, 1000, 128, 9000)


def test_ray_tells_what_it_has_spilled(ray_session):
    assert spilled_bytes() >= 0
