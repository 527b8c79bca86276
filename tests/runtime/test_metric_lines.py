from raycluster.runtime.metric_lines import clustering_line, epoch_line, start_line


def test_an_epoch_is_one_line():
    row = {"kind": "epoch", "period": 2, "epoch": 14, "epochs": 20, "loss": 0.01234, "images_per_second": 2926.4}
    assert epoch_line(row | {"clusters": 84, "eta": 130.0}) == (
        "period 3  epoch 14/20  loss 0.0123  2,926 images/s  84 clusters  about 2 min left"
    )
    assert epoch_line({"epoch": 1, "epochs": 2, "quality": {"acc": 0.5}}) == "epoch 1/2  ACC 0.500"


def test_after_the_last_epoch_comes_a_clustering():
    assert epoch_line({"period": 0, "epoch": 20, "epochs": 20, "eta": 60.0}) == (
        "period 1  epoch 20/20  clustering  about 1 min left"
    )


def test_a_clustering_is_one_line_with_the_loss_before_it():
    row = {"period": 2, "clusters": 1010, "clustering": "rc", "quality": {"nmi": 0.9, "acc": 0.95}}
    assert clustering_line(row | {"graph_seconds": 1.0, "merge_seconds": 62.0}, 0.01234) == (
        "period 2 done (rc)  loss 0.0123  1,010 clusters  NMI 0.900  ACC 0.950  graph 1.0 s  merging 1 min 02 s"
    )
    row = {"period": 1, "clusters": 10, "clustering": "merged", "alternatives": [7, 12], "neighbor_recall": 0.987}
    expected = "period 1 done (merged)  10 clusters  (7, 12 would fit, too)  98.7% of the neighbors found"
    assert clustering_line(row) == expected


def test_a_clustering_says_after_what_it_comes():
    lines = [
        clustering_line({"clusters": 10, "clustering": "x"} | place) for place in ({"period": 0}, {"epoch": 50}, {})
    ]
    assert [line.split("  ")[0] for line in lines] == ["before training (x)", "epoch 50 done (x)", "training done (x)"]


def test_the_start_says_where_and_from_where():
    row = {"continued": False, "seconds": 0.0, "workers": 1, "device": "cpu", "threads": 2}
    assert start_line(row) == "Training on 1 worker on cpu with 2 threads each"
    assert start_line(row | {"continued": True, "seconds": 130.0, "workers": 2}) == (
        "Training continues from the checkpoint at 2 min 10 s: 2 workers on cpu with 2 threads each"
    )
