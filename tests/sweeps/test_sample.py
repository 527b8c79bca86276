import numpy as np

from raycluster.sweeps.sample import Sample, load_sample, save_sample


def test_a_sample_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "running" / "0001.npz"
    for clusters in (np.array([0, 1], np.int32), np.array([1, 0], np.int32)):
        sample = Sample(np.eye(2, dtype=np.float32), clusters)
        save_sample(path, sample)
        found = load_sample(path)
        np.testing.assert_array_equal(found.embeddings, sample.embeddings)
        np.testing.assert_array_equal(found.clusters, clusters)
    assert [file.name for file in path.parent.iterdir()] == ["0001.npz"]
