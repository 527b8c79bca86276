import numpy as np

from raycluster.training.cluster_grid import draw_grid, examples_of, tile


def test_the_largest_clusters_show_evenly_spaced_images():
    clusters = np.repeat([2, 0, 5], [25, 3, 12])
    large, middle, small = examples_of(clusters)
    assert large.tolist() == [0, 2, 4, 6, 8, 10, 13, 15, 17, 19, 21, 24]
    assert middle.tolist() == list(range(28, 40))
    assert small.tolist() == [25, 26, 27]
    assert len(examples_of(np.arange(1000))) == 12


def test_tiles_are_images_enlarged_or_reduced_by_an_integer():
    gray = np.arange(80, dtype=np.uint8).reshape(1, 8, 10)
    assert tile(gray).shape == (24, 30, 3)
    np.testing.assert_array_equal(tile(gray)[::3, ::3, 1], gray[0])
    color = np.arange(3, dtype=np.uint8)[:, None, None] + np.zeros((3, 100, 200), np.uint8)
    assert tile(color).shape == (25, 50, 3)
    np.testing.assert_array_equal(tile(color), np.broadcast_to([0, 1, 2], (25, 50, 3)))
    assert tile(np.zeros((1, 50, 40), np.uint8)).shape == (50, 40, 3)


def test_a_grid_has_a_row_for_each_cluster():
    grid = draw_grid([np.full((2, 1, 32, 32), 10, np.uint8), np.full((1, 1, 32, 32), 20, np.uint8)])
    assert grid.shape == (66, 66, 3)
    assert (grid[:32, :32] == 10).all()
    assert (grid[:32, 34:] == 10).all()
    assert (grid[34:, :32] == 20).all()
    assert (grid[34:, 34:] == 255).all()
    assert (grid[32:34] == 255).all()
