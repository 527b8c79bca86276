import numpy as np
from sklearn.datasets import load_digits

from raycluster.data.thumbnails import encode_picture
from raycluster.report.page import MAX_CLUSTERS, report_page

SUMMARY = {"method": "jule", "images": 1797, "rejected": 2, "clusters": 10, "seconds": 12.0, "health": {}}


def page_of_digits(summary, metrics=()):
    digits = load_digits()
    images = (digits.images * 255 / 16).astype(np.uint8)
    requested = []

    def read(rows):
        requested.append(rows)
        return [encode_picture(image) for image in images[rows]]

    page = report_page(summary, list(metrics), digits.target, np.ones(1797, np.float32), read)
    return page, requested


def test_the_page_shows_every_cluster_with_its_size_and_reads_only_what_it_shows():
    page, requested = page_of_digits(SUMMARY)
    assert "1,797 images in 10 clusters" in page
    assert "2 inputs rejected (see rejected.parquet)" in page
    for digit, size in enumerate(np.bincount(load_digits().target)):
        assert f"Cluster {digit}: {size} images" in page
    assert page.count("data:image/png;base64,") == 20
    assert len(requested) == 1
    assert len(requested[0]) <= 10 * 24


def test_the_page_needs_no_other_file():
    page, _ = page_of_digits(SUMMARY)
    assert "http" not in page
    assert "<script" not in page


def test_warnings_quality_and_loss_are_shown():
    summary = SUMMARY | {
        "health": {"warnings": ["it <collapsed>"]},
        "quality": {"sf": {"nmi": 0.9, "acc": 0.9}, "rc": {"nmi": 0.912, "acc": 0.934}},
        "reported": "rc",
    }
    page, _ = page_of_digits(summary, [{"kind": "epoch", "loss": 0.5}, {"kind": "epoch", "loss": 0.25}])
    assert "it &lt;collapsed&gt;" in page
    assert "<td>sf</td><td>0.900</td>" in page
    assert "<td>rc (shown here)</td><td>0.912</td><td>0.934</td>" in page
    assert "from 0.5000 to 0.2500" in page


def test_only_the_largest_of_many_clusters_are_shown_with_a_note():
    assignments = np.arange(300)
    page = report_page(SUMMARY, [], assignments, np.ones(300, np.float32), lambda rows: [None] * len(rows))
    assert page.count("<section>") == MAX_CLUSTERS
    assert "100 smaller clusters are not shown" in page


def test_empty_clusters_are_not_shown():
    assignments = np.array([0, 0, 3, 3])
    page = report_page(SUMMARY, [], assignments, np.ones(4, np.float32), lambda rows: [None] * len(rows))
    assert page.count("<section>") == 2
    assert "Cluster 3: 2 images" in page
    assert "smaller clusters" not in page


def test_the_page_tells_how_plain_kmeans_agrees_and_what_has_moved():
    moved = {"images": 9, "changed": 2, "added": 1, "removed": 0, "new": [3], "gone": []}
    page, _ = page_of_digits(SUMMARY | {"kmeans_agreement": 0.87654, "moved": moved})
    assert "<p>Plain k-means, with as many clusters on the same features, agrees with these to ARI 0.877.</p>" in page
    assert "2 of 9 images changed cluster, new: cluster 3." in page
    assert "k-means" not in page_of_digits(SUMMARY)[0]


def test_where_the_number_was_chosen_the_page_shows_what_it_was_chosen_from():
    merges = [[{"size": 180, "row": 1000}, {"size": 20, "row": 1200}]]
    one = {"reasons": ["a reason"], "clearness": 0.9, "clear": "clear", "links_cut": 0.1, "largest": 180, "median": 180}
    suggestions = [
        one
        | {
            "n_clusters": 10,
            "smallest": 20,
            "merges_to": 9,
            "merges": merges,
            "more_parts": [0] * len(merges),
            "more_merges": 0,
        },
        one | {"n_clusters": 9, "smallest": 180, "merges_to": None, "merges": [], "more_parts": [], "more_merges": 0},
    ]
    counted = {"suggestions": suggestions, "scores": [[9, 0.3], [10, 0.4]]}
    page, requested = page_of_digits(SUMMARY | {"health": counted})
    assert "Number of clusters: 10 is chosen" in page
    assert page.count("data:image/png;base64,") == 22
    assert {1000, 1200} <= set(requested[0].tolist())
