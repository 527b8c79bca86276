import json
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_digits

import raycluster
from raycluster.clustering import graph_clustering
from raycluster.data.vectors.vector_set import NOT_FINITE
from raycluster.errors import UserError
from raycluster.graph import GraphDegreeLinkage
from raycluster.graph.settings import GraphSettings
from raycluster.graph.tree import MergeTree


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """500 digits as vectors with paths and labels, and one row that cannot be used."""
    digits = load_digits()
    rows = [*digits.data[:500].astype(np.float32).tolist(), [float("nan")] * 64]
    path = tmp_path_factory.mktemp("vectors") / "digits.parquet"
    paths = [f"{i}.png" for i in range(501)]
    labels = [*digits.target[:500].tolist(), 0]
    pq.write_table(pa.table({"embedding": rows, "path": paths, "label": labels}), path)
    return path


@pytest.fixture(scope="module")
def clustered(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("clustered")
    return out, raycluster.cluster(embeddings=table, clusters=10, out=out)


def test_rows_in_are_rows_out_plus_rows_set_aside(table, clustered):
    out, summary = clustered
    assert (summary.images, summary.rejected, summary.clusters) == (500, 1, 10)
    assignments = pq.read_table(out / "assignments.parquet").to_pydict()
    assert assignments["path"] == [f"{i}.png" for i in range(500)]
    assert assignments["id"] == list(range(500))
    expected = GraphDegreeLinkage(10, metric="cosine").fit_predict(load_digits().data[:500].astype(np.float32))
    assert assignments["cluster"] == expected.tolist()
    assert pq.read_table(out / "rejected.parquet").to_pylist() == [{"path": "500.png", "reason": NOT_FINITE}]
    assert json.loads((out / "summary.json").read_text())["quality"]["gdl"]["nmi"] > 0.8


def test_any_other_number_of_clusters_can_be_cut_from_the_merges(clustered):
    merges = pq.read_table(clustered[0] / "merges.parquet")
    tree = MergeTree(500, *(merges[name].to_numpy() for name in ("left", "right", "affinity", "size")))
    assert tree.cut(7).max() == 6
    assert tree.cut(10).tolist() == pq.read_table(clustered[0] / "assignments.parquet")["cluster"].to_pylist()


def test_a_finished_clustering_is_told_again_and_another_one_refused(table, clustered, capsys):
    out, summary = clustered
    assert raycluster.cluster(embeddings=table, clusters=10, out=out) == summary
    assert "already holds this clustering" in capsys.readouterr().out
    with pytest.raises(UserError, match="--clusters was 10 and is now 9"):
        raycluster.cluster(embeddings=table, clusters=9, out=out)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"clusters": 501}, "only 500 vectors are usable: choose at most 500"),
        ({"clusters": 1}, "^clusters=1: there is nothing to cluster, choose at least 2"),
        ({"clusters": 0}, "there is nothing to cluster"),
        ({"column": "path"}, "no column path of vectors"),
    ],
)
def test_bad_calls_are_sentences(table, tmp_path, settings, sentence):
    with pytest.raises(UserError, match=sentence):
        raycluster.cluster(**{"embeddings": table, "clusters": 10, "out": tmp_path / "out"} | settings)


@pytest.mark.parametrize("kind", [pa.string(), pa.uint64()])
def test_the_ids_of_the_user_are_in_the_results_and_join_them_again(tmp_path, kind):
    vectors = load_digits().data[:60].astype(np.float32)
    ids = pa.array([2**63 + i for i in range(60)], pa.uint64()).cast(kind)
    table = pa.table({"id": ids, "vec": vectors.tolist(), "other": vectors[::-1].tolist()})
    pq.write_table(table, tmp_path / "v.parquet")
    raycluster.cluster(embeddings=tmp_path / "v.parquet", clusters=3, out=tmp_path / "out", column="vec")
    assigned = pq.read_table(tmp_path / "out" / "assignments.parquet")
    assert assigned["id"].combine_chunks() == ids
    assert assigned["path"][3].as_py() == "v.parquet#3"
    raycluster.export(tmp_path / "out", "numpy", tmp_path / "arrays")
    assert np.load(tmp_path / "arrays" / "ids.npy").tolist() == ids.to_pylist()
    np.testing.assert_array_equal(np.load(tmp_path / "arrays" / "embeddings.npy"), vectors)
    raycluster.export(tmp_path / "out", "clip-retrieval", tmp_path / "clip")
    assert pq.read_table(tmp_path / "clip" / "metadata" / "metadata_0.parquet")["id"].to_pylist() == ids.to_pylist()


def test_every_reason_is_counted_in_the_summary(tmp_path, capsys):
    rows = [*load_digits().data[:60].tolist(), None, [], []]
    pq.write_table(pa.table({"v": rows}), tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    (tmp_path / "README.md").write_text("digits")
    summary = raycluster.cluster(embeddings=tmp_path, clusters=3, out=tmp_path.with_name("out-of-reasons"))
    assert (summary.images, summary.rejected, sum(summary.rejected_reasons.values())) == (60, 5, 5)
    told = capsys.readouterr().out
    assert "2 x its vector has 0 numbers, and the most common length is 64" in told
    assert "1 × not a table of vectors: .md" in told


def test_other_vectors_under_the_same_name_are_not_taken_for_those_that_were_clustered(tmp_path):
    vectors = load_digits().data[:100].astype(np.float32)
    np.save(tmp_path / "v.npy", vectors)
    raycluster.cluster(embeddings=tmp_path / "v.npy", clusters=3, out=tmp_path / "out")
    np.save(tmp_path / "v.npy", vectors[::-1])
    with pytest.raises(UserError, match=r"The vectors in .*v.npy have changed since"):
        raycluster.cluster(embeddings=tmp_path / "v.npy", clusters=3, out=tmp_path / "out")


def test_the_number_of_clusters_is_found_where_it_is_not_known(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "blobs.npy", np.repeat(rng.normal(size=(6, 5)) * 10, 50, axis=0) + rng.normal(size=(300, 5)))
    summary = raycluster.cluster(embeddings=tmp_path / "blobs.npy", clusters="auto", out=tmp_path / "out")
    assert summary.clusters == 6
    assert "300 vectors in 6 clusters" in (tmp_path / "out" / "report.html").read_text()
    chosen = json.loads((tmp_path / "out" / "summary.json").read_text())["health"]["suggestions"][0]
    assert (chosen["n_clusters"], chosen["clear"], chosen["largest"], chosen["smallest"]) == (6, "clear", 50, 50)
    assert "highest silhouette on a sample" in chosen["reasons"]


def test_other_plausible_numbers_are_named_with_their_reasons(tmp_path, capsys):
    np.save(tmp_path / "digits.npy", load_digits().data.astype(np.float32))
    summary = raycluster.cluster(embeddings=tmp_path / "digits.npy", out=tmp_path / "out")
    suggested = [one["n_clusters"] for one in summary.health["suggestions"]]
    assert suggested == [summary.clusters, *summary.health["alternatives"]]
    assert 10 in suggested
    told = capsys.readouterr().out
    assert f"{summary.clusters} clusters (clear); also plausible: {suggested[1]} (" in told
    page = (tmp_path / "out" / "report.html").read_text()
    assert f"Score by number of clusters: {summary.clusters} is chosen" in page
    assert "digits.npy#" in page


def test_on_a_cluster_the_search_by_tasks_gives_the_same_clusters(ray_session, table, clustered, tmp_path):
    raycluster.cluster(embeddings=table, clusters=10, out=tmp_path / "out")
    alone, together = (pq.read_table(out / "assignments.parquet") for out in (clustered[0], tmp_path / "out"))
    assert alone == together


def test_memory_is_stated_before_anything_is_read_and_refused_where_it_does_not_fit(
    table, tmp_path, monkeypatch, capsys
):
    raycluster.cluster(embeddings=table, clusters=10, out=tmp_path / "out")
    assert "Clustering 501 vectors takes up to 1.2 GB of memory; " in capsys.readouterr().out
    monkeypatch.setattr("raycluster.clustering.cluster_vectors.available_memory", lambda: 5e8)
    with pytest.raises(UserError, match=r"takes up to 1\.2 GB of memory, and 0\.5 GB are available: choose fewer"):
        raycluster.cluster(embeddings=table, clusters=10, out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_long_work_is_done_beside_the_main_thread_which_hears_signals(tmp_path, monkeypatch):
    threads = {}

    def noting(function):
        def noted(*arguments, **settings):
            threads[function.__name__] = threading.current_thread()
            return function(*arguments, **settings)

        return noted

    for function in ("rank_n_clusters", "NeighborIndex", "plain_kmeans"):
        monkeypatch.setattr(graph_clustering, function, noting(getattr(graph_clustering, function)))
    monkeypatch.setattr(graph_clustering, "private_node", lambda: True)
    monkeypatch.setattr(GraphSettings, "build_tree", noting(GraphSettings.build_tree))
    np.save(tmp_path / "v.npy", load_digits().data[:100].astype(np.float32))
    raycluster.cluster(embeddings=tmp_path / "v.npy", clusters="auto", out=tmp_path / "out")
    assert set(threads) == {"rank_n_clusters", "NeighborIndex", "plain_kmeans", "build_tree"}
    assert threading.main_thread() not in threads.values()


def test_results_do_not_go_into_the_vectors(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(5))
    with pytest.raises(UserError, match=r"--out .*results is inside --embeddings"):
        raycluster.cluster(embeddings=tmp_path, clusters=2, out=tmp_path / "results")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_small_groups_are_counted_with_full_confidence(tmp_path):
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(0, 10, (8, 32)), 4, axis=0) + rng.normal(size=(32, 32))
    np.save(tmp_path / "v.npy", vectors.astype(np.float32))
    summary = raycluster.cluster(embeddings=tmp_path / "v.npy", clusters="auto", out=tmp_path / "out")
    assert summary.clusters == 8
    assert summary.health["neighbor_agreement"] == 1
    assert summary.health["warnings"] == []
    assert pq.read_table(tmp_path / "out" / "assignments.parquet")["confidence"].to_numpy().min() > 0.9


def test_noise_and_too_many_neighbors_are_told(tmp_path):
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(100, 32)).astype(np.float32))
    auto = raycluster.cluster(embeddings=tmp_path / "v.npy", clusters="auto", out=tmp_path / "auto")
    assert "no clear clusters" in auto.health["warnings"][0]
    settings = GraphSettings(n_neighbors=100)
    many = raycluster.cluster(embeddings=tmp_path / "v.npy", clusters=3, out=tmp_path / "many", settings=settings)
    assert "each of the 100 rows has only 99 others" in many.health["warnings"][0]


def test_the_metric_decides_what_is_near(tmp_path):
    """Two directions, each with short and long vectors: two clusters by cosine, and another two by distance."""
    rng = np.random.default_rng(0)
    directions = np.array([[1.0, 0.0], [0.0, 1.0]])[np.arange(200) % 2] + rng.normal(0, 0.02, (200, 2))
    is_long = np.arange(200) % 4 >= 2
    np.save(tmp_path / "a.npy", directions * np.where(is_long, 100, 1)[:, None])
    expected = {"cosine": np.arange(200) % 2, "euclidean": None}
    for metric in expected:
        raycluster.cluster(embeddings=tmp_path / "a.npy", clusters=2, out=tmp_path / metric, metric=metric)
        expected[metric] = pq.read_table(tmp_path / metric / "assignments.parquet")["cluster"].to_numpy()
    assert (expected["cosine"] == expected["cosine"][0]).tolist() == (np.arange(200) % 2 == 0).tolist()
    short = expected["euclidean"][~is_long]
    assert (short == short[0]).all()


def test_features_of_pretrained_networks_are_centered_unless_another_metric_is_asked_for(tmp_path):
    rows = np.random.default_rng(0).normal(size=(40, 3)) + 5
    for folder, config in (("features", {"identity": {"method": "embed", "backbone": "b"}}), ("others", None)):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "a.npy", rows)
        if config:
            (tmp_path / folder / "config.json").write_text(json.dumps(config))
            (tmp_path / folder / "summary.json").write_text("{}")
    used = {}
    for out, folder, metric in (("1", "features", None), ("2", "features", "cosine"), ("3", "others", None)):
        run = tmp_path / out
        raycluster.cluster(embeddings=tmp_path / folder / "a.npy", clusters=2, out=run, metric=metric)
        used[out] = json.loads((run / "config.json").read_text())["identity"]["metric"]
    assert used == {"1": "centered", "2": "cosine", "3": "cosine"}


def test_vectors_without_a_direction_are_rejected(tmp_path):
    np.save(tmp_path / "a.npy", np.concatenate([np.eye(8), np.eye(8) * 2, np.zeros((1, 8))]))
    summary = raycluster.cluster(embeddings=tmp_path / "a.npy", clusters=2, out=tmp_path / "out")
    assert (summary.images, summary.rejected) == (16, 1)
    (row,) = pq.read_table(tmp_path / "out" / "rejected.parquet").to_pylist()
    assert row == {
        "path": "a.npy#16",
        "reason": "its vector is all zeros, which has no cosine (--metric euclidean takes it)",
    }
    assert (
        raycluster.cluster(embeddings=tmp_path / "a.npy", clusters=2, out=tmp_path / "plain", metric="euclidean").images
        == 17
    )
    np.save(tmp_path / "b.npy", np.zeros((3, 8)))
    with pytest.raises(UserError, match="None of the 3 vectors is usable: its vector is all zeros"):
        raycluster.cluster(embeddings=tmp_path / "b.npy", clusters=2, out=tmp_path / "none")


def test_an_interrupted_clustering_goes_on_from_its_neighbors(table, clustered, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(GraphSettings, "build_tree", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            raycluster.cluster(embeddings=table, clusters=10, out=tmp_path / "out")
    assert (tmp_path / "out" / "neighbors.npz").exists()
    monkeypatch.setattr(graph_clustering, "NeighborIndex", None)
    raycluster.cluster(embeddings=table, clusters=10, out=tmp_path / "out")
    assert "The neighbors were found before this command was interrupted." in capsys.readouterr().out
    for name in ("assignments.parquet", "merges.parquet"):
        assert pq.read_table(tmp_path / "out" / name).equals(pq.read_table(clustered[0] / name))
    assert not (tmp_path / "out" / "neighbors.npz").exists()


def test_neighbors_that_cannot_be_saved_are_no_reason_to_give_up(table, tmp_path, monkeypatch, capsys):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(graph_clustering, "save_neighbors", full)
    assert raycluster.cluster(embeddings=table, clusters=10, out=tmp_path / "out").images == 500
    assert "The neighbors cannot be saved (No space left on device)" in capsys.readouterr().err


def test_other_methods_are_compared_where_that_was_asked_for(table, clustered, tmp_path, capsys):
    summary = raycluster.cluster(embeddings=table, clusters=10, out=tmp_path / "out", compare=["spectral"])
    assert set(summary.comparison) == set(summary.quality) == {"gdl", "k-means", "spectral"}
    assert summary.comparison["k-means"]["agreement"] == summary.kmeans_agreement
    assert clustered[1].comparison == {}
    told = capsys.readouterr().out
    assert "compared with     clusters" in told
    with pytest.raises(UserError, match="--compare"):
        raycluster.cluster(embeddings=table, clusters=10, out=tmp_path / "out")
