import re
from types import SimpleNamespace

import pytest

from raycluster.embedding.preflight import check_disk, spilled_bytes
from raycluster.errors import UserError


def test_a_disk_that_cannot_hold_the_embeddings_is_refused_before_the_start(tmp_path):
    sentence = "The embeddings of 1,000,000,000,000 images will take 562.8 TB, and "
    with pytest.raises(UserError, match=re.escape(sentence)):
        check_disk(tmp_path / "not" / "there", 10**12, 128, 0)
    assert "1,000 embeddings of 128 numbers will take about 572.2 kB of" in check_disk(tmp_path, 1000, 128, 9000)


def test_some_room_is_left_for_others(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=3_000_000))
    sentence = f"The embeddings of 1 image will take 562 B, and 67.1 MB are to stay free, but {tmp_path} has 3.0 MB: "
    with pytest.raises(UserError, match=re.escape(sentence)):
        check_disk(tmp_path, 1, 128, 0)


def test_ray_tells_what_it_has_spilled(ray_session):
    assert spilled_bytes() >= 0
