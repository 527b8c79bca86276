"""What a sweep tries of each method where nothing else is asked for; any setting can be given with --space instead."""

SPACES = {
    "jule": (
        "unroll_rate=0.2:0.95",
        "learning_rate=log:1e-3:1e-1",
        "n_neighbors=8:40",
        "n_neighbor_clusters=2:10",
        "local_structure=0:2",
        "gamma=0.5:2",
        "margin=0.05:0.5",
    ),
    "dccm": (
        "alpha=log:0.5:10",
        "beta=log:0.01:0.5",
        "graph_threshold=0.8:0.98",
        "label_threshold=0.8:0.95",
        "learning_rate=log:1e-5:1e-2",
    ),
    "concurl": (
        "alpha=0:1",
        "beta=0.25:2",
        "gamma=0.25:2",
        "tau=0.3:1",
        "projection_size=32:240",
        "ensemble=1:100",
        "learning_rate=log:3e-3:1e-1",
    ),
}
