import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import raycluster
from raycluster.errors import UserError

DIGITS = load_digits()
ZERO = 3  # a row of zeros, which cosines cannot compare


@pytest.fixture(scope="module")
def vectors():
    vectors = DIGITS.data.astype(np.float32)
    vectors[ZERO] = 0
    return vectors


@pytest.fixture(scope="module")
def clustering(vectors, tmp_path_factory):
    """A clustering of the first 1,000 digits as vectors."""
    folder = tmp_path_factory.mktemp("clustering")
    ids = [f"digit {i}" for i in range(1000)]
    columns = {"embedding": list(vectors[:1000]), "id": ids, "label": DIGITS.target[:1000]}
    pq.write_table(pa.table(columns), folder / "first.parquet")
    raycluster.cluster(embeddings=folder / "first.parquet", clusters=10, out=folder / "c10")
    return folder / "c10"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "assigned.parquet"


def test_vectors_of_the_clustering_keep_their_clusters_at_any_length(clustering, vectors, tmp_path, out):
    np.save(tmp_path / "again.npy", vectors[:1000] * np.linspace(1, 9, 1000, dtype=np.float32)[:, None])
    summary = raycluster.assign(clustering, tmp_path / "again.npy", out)
    assert (summary.images, summary.assigned, summary.refused, summary.rejected) == (1000, 999, 0, 1)
    given, expected = pq.read_table(out), pq.read_table(clustering / "assignments.parquet")
    assert given["cluster"].to_pylist()[:999] == expected["cluster"].to_pylist()
    np.testing.assert_allclose(given["confidence"].to_numpy()[:999], expected["confidence"].to_numpy(), atol=1e-4)
    last = given.to_pylist()[-1]
    assert (last["id"], last["path"], last["cluster"], last["confidence"]) == (None, f"again.npy#{ZERO}", -1, 0)
    assert last["reason"].startswith("rejected: its vector is all zeros")


def test_other_digits_go_to_the_clusters_of_their_like_and_noise_to_none(clustering, vectors, tmp_path, out, capsys):
    noise = np.random.default_rng(0).normal(size=(50, 64)).astype(np.float32)
    rows, labels = [*vectors[1000:], *noise], [*DIGITS.target[1000:], *[-1] * 50]
    pq.write_table(pa.table({"embedding": rows, "id": np.arange(847) + 7, "label": labels}), tmp_path / "new.parquet")
    summary = raycluster.assign(clustering, tmp_path / "new.parquet", out)
    table = pq.read_table(out)
    assert table["id"].to_pylist() == list(range(7, 854))
    refused = np.array([cluster == -1 for cluster in table["cluster"].to_pylist()])
    assert refused[797:].all()
    assert refused[:797].mean() < 0.1
    assert summary.quality["assigned"]["acc"] > 0.8
    told = capsys.readouterr().out
    assert f"{847 - refused.sum():,} of 847 vectors assigned to 10 clusters" in told
    assert "unassigned: their nearest vector of the run is farther than" in told


def test_the_same_command_again_tells_what_was_found(clustering, vectors, tmp_path, out, capsys):
    np.save(tmp_path / "new.npy", vectors[1000:1100])
    summary = raycluster.assign(clustering, tmp_path / "new.npy", out)
    assert raycluster.assign(clustering, tmp_path / "new.npy", out) == summary
    assert "already holds this assignment" in capsys.readouterr().out


def test_vectors_of_another_length_are_refused(clustering, tmp_path, out):
    np.save(tmp_path / "wide.npy", np.ones((5, 65), np.float32))
    with pytest.raises(UserError, match="have 65 numbers, but those that were clustered have 64"):
        raycluster.assign(clustering, tmp_path / "wide.npy", out)
    assert not out.exists()


def test_images_have_to_become_vectors_first(clustering, tmp_path, out):
    (tmp_path / "photos").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "photos" / "a.png")
    with pytest.raises(UserError, match="is a clustering of vectors: images are assigned as vectors, too, made by"):
        raycluster.assign(clustering, tmp_path / "photos", out)


def test_a_clustering_without_a_vector_of_its_table_can_be_exported(clustering, tmp_path):
    raycluster.export(clustering, format="numpy", out=tmp_path / "arrays")
    assert len(np.load(tmp_path / "arrays" / "embeddings.npy")) == 999


@pytest.mark.parametrize("option", [{"exclude": ["a"]}, {"labels": "folders"}])
def test_options_of_images_are_refused(clustering, vectors, tmp_path, out, option):
    np.save(tmp_path / "new.npy", vectors[1000:1100])
    with pytest.raises(UserError, match=f"--{next(iter(option))} is for images"):
        raycluster.assign(clustering, tmp_path / "new.npy", out, **option)


def test_what_resembles_an_outlier_of_the_clustering_has_no_confidence_either(clustering, vectors, tmp_path, out):
    shutil.copytree(clustering.parent, tmp_path / "copy")
    run = tmp_path / "copy" / clustering.name
    before = pq.read_table(run / "assignments.parquet")
    column = before.schema.get_field_index("confidence")
    confidence = before["confidence"].to_numpy().copy()
    confidence[5] = 0
    pq.write_table(before.set_column(column, "confidence", pa.array(confidence)), run / "assignments.parquet")
    np.save(tmp_path / "again.npy", vectors[[7, 6]])  # rows 6 and 5, because row 3 is not among them
    raycluster.assign(run, tmp_path / "again.npy", out)
    given = pq.read_table(out)["confidence"].to_numpy()
    assert given[0] == pytest.approx(confidence[6], abs=1e-4)
    assert given[1] == 0 < before["confidence"][5].as_py()
