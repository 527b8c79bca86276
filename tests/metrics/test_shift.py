import numpy as np
import pytest
import torch

from raycluster.metrics.shift import CLEAN, FACTORS, classes_of_clusters, shift_images, shift_table

IMAGES = torch.rand(6, 3, 20, 20, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("factor", FACTORS)
def test_the_clean_amount_changes_nothing_and_the_largest_changes_every_image(factor):
    clean = shift_images(IMAGES, factor, CLEAN.get(factor, 0))
    torch.testing.assert_close(clean, IMAGES, atol=1e-5, rtol=0)
    shifted = shift_images(IMAGES, factor, FACTORS[factor][-1])
    assert ((shifted >= 0) & (shifted <= 1)).all()
    assert (shifted - IMAGES).abs().flatten(1).amax(1).min() > 0.05
    assert CLEAN.get(factor, 0) in FACTORS[factor]


def test_warps_move_images_in_the_right_direction():
    point = torch.zeros(1, 3, 20, 20)
    point[:, :, 4:6, 9:11] = 1  # above the center

    def center(image):
        rows, columns = image[0, 0].nonzero().float().T
        weights = image[0, 0][image[0, 0] > 0]
        return [round((axis * weights).sum().item() / weights.sum().item(), 1) for axis in (rows, columns)]

    assert center(point) == [4.5, 9.5]
    assert center(shift_images(point, "translation", 0.2)) == [4.5, 13.5]
    assert center(shift_images(point, "rotation", 90)) in ([9.5, 4.5], [9.5, 14.5])
    assert center(shift_images(point, "scale", 1.5))[0] == pytest.approx(9.5 - 5 * 1.5, abs=0.1)
    assert center(shift_images(point, "shear", 45))[1] == pytest.approx(9.5 + 5, abs=0.1)


def test_clusters_stand_for_the_classes_that_classify_most_images_correctly():
    clusters, labels = np.array([0, 0, 0, 1, 1, 3, 3]), np.array([7, 7, 5, 5, -1, 7, 2])
    assert classes_of_clusters(clusters, labels, 5).tolist() == [7, 5, -1, 2, -1]


def test_frozen_scores_fall_with_the_shift_and_refitted_clusters_are_matched_again():
    images = torch.zeros(40, 3, 8, 8)
    images[20:, :2] = 0.6
    images[20:, 2] = 0.61  # slightly in color
    labels = np.repeat([4, 9], 20)

    def read(batch):
        means = batch.mean((1, 2, 3)).numpy()
        return (means > 0.3).astype(np.int32), means[:, None]

    rows = {(row["factor"], row["amount"]): row for row in shift_table(images, labels, read, np.array([4, 9]), 2)}
    assert len(rows) == sum(map(len, FACTORS.values()))
    assert rows["brightness", 1]["clean"]
    assert rows["brightness", 1]["frozen"] == {"acc": 1, "nmi": pytest.approx(1), "ari": 1}
    dark = rows["brightness", 0.4]  # 0.6 becomes 0.24
    assert dark["frozen"]["acc"] == 0.5
    assert dark["refitted"]["acc"] == 1
    gray = shift_table(images[:, :1].expand(-1, 3, -1, -1), labels, read, np.array([4, 9]), 50)  # more than images
    assert {row["factor"] for row in gray} == FACTORS.keys() - {"saturation", "hue"}
