import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import raycluster
from raycluster.data.images import CanvasSettings
from raycluster.data.loaded_images import load_images
from raycluster.errors import UserError
from raycluster.methods.saved_network import load_network
from raycluster.metrics.confidence import ClusterModel
from raycluster.metrics.quality import clustering_quality
from raycluster.results import assign as module
from raycluster.results.finished_run import read_vectors


@pytest.fixture
def out(tmp_path):
    return tmp_path / "assigned.parquet"


def test_the_images_of_a_jule_run_keep_the_clusters_that_it_gave_them(jule_run, digit_files, out):
    summary = raycluster.assign(jule_run, str(digit_files / "seen.npz"), out)
    assert (summary.images, summary.assigned, summary.refused, summary.rejected) == (400, 400, 0, 0)
    given = pq.read_table(out)
    assert given["cluster"].equals(pq.read_table(jule_run / "assignments.parquet")["cluster"])
    assert given.column_names == ["id", "path", "cluster", "confidence", "reason", "label"]
    assert [str(field.type) for field in given.schema] == ["int64", "string", "int32", "float", "string", "int64"]
    assert set(given["reason"].to_pylist()) == {""}


def test_an_image_of_the_run_keeps_its_confidence_and_other_images_are_less_certain(jule_run, digit_files, tmp_path):
    for name in ("seen", "new"):
        source, out = str(digit_files / f"{name}.npz"), tmp_path / f"{name}.parquet"
        raycluster.assign(jule_run, source, out, refuse_above=float("inf"))
    seen, new = (pq.read_table(tmp_path / f"{name}.parquet")["confidence"].to_numpy() for name in ("seen", "new"))
    of_run = pq.read_table(jule_run / "assignments.parquet")["confidence"].to_numpy()
    np.testing.assert_allclose(seen, of_run, atol=1e-3)
    assert 0.3 < new.mean() < seen.mean() < 1


def test_the_network_of_a_dccm_run_tells_the_cluster_and_its_embeddings_the_confidence(dccm_run, digit_files, out):
    raycluster.assign(dccm_run, str(digit_files / "new.npz"), out, refuse_above=float("inf"))
    given = pq.read_table(out)
    images = load_images(module.open_images(str(digit_files / "new.npz"), canvas=CanvasSettings((32, 32)))).pixels
    with torch.inference_mode():
        pixels = (torch.from_numpy(images).float() / 255).expand(-1, 3, -1, -1)
        net = load_network(dccm_run / "model")
        probabilities, embeddings = net(pixels).probabilities, net.embed_images(torch.from_numpy(images)).numpy()
    assert given["cluster"].to_pylist() == probabilities.argmax(dim=1).tolist()
    known = read_vectors(dccm_run)
    expected = ClusterModel.fit(known.vectors, known.clusters).confidence(embeddings, given["cluster"].to_numpy())
    np.testing.assert_allclose(given["confidence"].to_numpy(), expected, atol=1e-4)


def test_the_centroids_of_a_concurl_run_tell_the_cluster(concurl_run, digit_files, out):
    raycluster.assign(concurl_run, str(digit_files / "new.npz"), out, refuse_above=float("inf"))
    net = load_network(concurl_run / "model")
    images = load_images(module.open_images(str(digit_files / "new.npz"), canvas=CanvasSettings((32, 32)))).pixels
    with torch.inference_mode():
        passed = net((torch.from_numpy(images).float() / 255).expand(-1, 3, -1, -1))
        expected = torch.cdist(passed.head, net.head_centroids).argmin(dim=1)
    given = pq.read_table(out)
    assert given["cluster"].to_pylist() == expected.tolist()


def test_photographs_are_refused_by_all_runs_of_digits_and_other_digits_are_not(
    jule_run, dccm_run, concurl_run, digit_files, tmp_path
):
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:32, :32] / 32
    waves = np.sin(rng.uniform(1, 9, (20, 1, 1)) * rows + rng.uniform(1, 9, (20, 1, 1)) * columns + rng.uniform(0, 6))
    np.savez(tmp_path / "waves.npz", images=np.rint(127 + 100 * waves).astype(np.uint8))
    for number, run in enumerate((jule_run, dccm_run, concurl_run)):
        strange = raycluster.assign(run, str(tmp_path / "waves.npz"), tmp_path / f"strange{number}.parquet")
        like = raycluster.assign(run, str(digit_files / "new.npz"), tmp_path / f"like{number}.parquet")
        assert strange.refused >= 18
        assert like.refused <= 8
        table = pq.read_table(tmp_path / f"strange{number}.parquet").to_pylist()
        refused = [row for row in table if row["reason"]]
        assert len(refused) == strange.refused
        assert {(row["cluster"], row["confidence"]) for row in refused} == {(-1, 0.0)}
        assert all(row["reason"].startswith("like nothing the run has seen (novelty ") for row in refused)


def test_every_input_has_a_row_also_the_rejected_in_the_place_of_its_name(jule_run, tmp_path, out, capsys):
    folder = tmp_path / "tonight"
    folder.mkdir()
    seen = load_images(module.open_images("digits")).pixels[:3, 0]
    for name, pixels in zip(("a", "c", "e"), seen, strict=True):
        Image.fromarray(pixels).save(folder / f"{name}.png")
    (folder / "b.png").write_bytes(b"")
    (folder / "d.png").write_bytes(b"no image")
    summary = raycluster.assign(jule_run, str(folder), out)
    assert (summary.images, summary.assigned, summary.rejected) == (5, 3, 2)
    rows = pq.read_table(out).to_pylist()
    assert [row["id"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["path"] for row in rows] == ["a.png", "b.png", "c.png", "d.png", "e.png"]
    expected = pq.read_table(jule_run / "assignments.parquet")["cluster"].to_pylist()[:3]
    assert [row["cluster"] for row in rows] == [expected[0], -1, expected[1], -1, expected[2]]
    assert rows[1]["reason"] == "rejected: the file is empty"
    assert "label" not in rows[0]
    assert "2 inputs rejected:" in capsys.readouterr().out


def test_known_classes_are_scored_with_and_without_the_refused(jule_run, digit_files, out):
    summary = raycluster.assign(jule_run, str(digit_files / "new.npz"), out, refuse_above=0.8)
    given = pq.read_table(out)
    clusters, labels = given["cluster"].to_numpy(), given["label"].to_numpy()
    assert 0 < summary.refused < 100
    assert summary.quality["assigned"] == clustering_quality(labels[clusters >= 0], clusters[clusters >= 0])
    assert summary.quality["all"]["acc"] > 0.5


def test_windows_and_batches_do_not_change_the_answer(jule_run, digit_files, tmp_path, monkeypatch):
    raycluster.assign(jule_run, str(digit_files / "new.npz"), tmp_path / "whole.parquet")
    monkeypatch.setattr("raycluster.nn.batches.MOST_ON_CPU", 7)
    monkeypatch.setattr(module, "WINDOW", 20)
    monkeypatch.setattr("raycluster.data.rows.MIN_RANGE_ROWS", 16)
    raycluster.assign(jule_run, str(digit_files / "new.npz"), tmp_path / "cut.parquet")
    whole, cut = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("whole", "cut"))
    assert whole.drop_columns(["reason", "confidence"]).equals(cut.drop_columns(["reason", "confidence"]))
    np.testing.assert_allclose(whole["confidence"].to_numpy(), cut["confidence"].to_numpy(), atol=1e-4)


def test_on_ray_the_answer_is_the_same(ray_session, jule_run, tmp_path, out):
    folder = tmp_path / "folder"
    folder.mkdir()
    for i, pixels in enumerate(load_images(module.open_images("digits")).pixels[390:420, 0]):
        Image.fromarray(pixels).save(folder / f"{i:02d}.png")
    raycluster.assign(jule_run, str(folder), out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ray.is_initialized", lambda: False)
        raycluster.assign(jule_run, str(folder), tmp_path / "alone.parquet")
    assert pq.read_table(out).equals(pq.read_table(tmp_path / "alone.parquet"))


def test_the_same_command_again_tells_what_was_found_and_another_is_refused(jule_run, digit_files, out, capsys):
    source = str(digit_files / "new.npz")
    summary = raycluster.assign(jule_run, source, out)
    assert summary.farthest > 0
    written = out.stat().st_mtime_ns
    capsys.readouterr()
    assert raycluster.assign(jule_run, source, out) == summary
    assert "already holds this assignment" in capsys.readouterr().out
    assert out.stat().st_mtime_ns == written
    with pytest.raises(UserError, match="differs in --refuse-above"):
        raycluster.assign(jule_run, source, out, refuse_above=2)
    with pytest.raises(UserError, match="differs in --data and the images"):
        raycluster.assign(jule_run, str(digit_files / "seen.npz"), out)


def test_nothing_is_refused_where_that_was_asked_for_also_when_it_is_told_again(jule_run, out, capsys):
    for _ in range(2):
        assert raycluster.assign(jule_run, "digits", out, refuse_above=float("inf")).refused == 0
        assert "unassigned" not in capsys.readouterr().out


def test_files_of_others_are_left_alone(jule_run, tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "mine.parquet")
    with pytest.raises(UserError, match=r"is not one of raycluster.s assignments: choose another --out"):
        raycluster.assign(jule_run, "digits", tmp_path / "mine.parquet")
    with pytest.raises(UserError, match=r"already exists and is not one of raycluster.s assignments"):
        raycluster.assign(jule_run, "digits", tmp_path)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ({"model": "NOWHERE"}, "holds no finished run"),
        ({"data": "EMPTY"}, "holds no files"),
        ({"refuse_above": 0}, "--refuse-above 0: choose a number above 0, or inf"),
        ({"refuse_above": float("nan")}, "--refuse-above nan"),
    ],
)
def test_bad_calls_are_sentences(call, sentence, jule_run, tmp_path, out):
    (tmp_path / "empty").mkdir()
    places = {"NOWHERE": tmp_path / "nowhere", "EMPTY": str(tmp_path / "empty")}
    call = {name: places.get(value, value) for name, value in call.items()}
    with pytest.raises(UserError, match=sentence):
        raycluster.assign(**{"model": jule_run, "data": "digits", "out": out} | call)
    assert not out.exists()


def test_images_of_12_bits_are_not_black_to_a_network_that_has_seen_8(jule_run, digit_files, tmp_path, out, capsys):
    folder = tmp_path / "deep"
    folder.mkdir()
    seen = np.load(digit_files / "seen.npz")["images"][:30]
    for i, pixels in enumerate(seen):
        Image.fromarray(pixels.astype(np.uint16) * 16).save(folder / f"{i:02d}.png")
    summary = raycluster.assign(jule_run, str(folder), out)
    expected = pq.read_table(jule_run / "assignments.parquet")["cluster"].to_pylist()[:30]
    assert pq.read_table(out)["cluster"].to_pylist() == expected
    assert summary.assigned == 30
    assert "Some images have more than 8 bits: 0 becomes black, and 4095 white.\n" in capsys.readouterr().out
