from raycluster.sweeps.counting import n_clusters_sentence, suggest_n_clusters


def row(clusters, objective, agreement, silhouette, state="finished"):
    scores = {"agreement": agreement, "pooled_silhouette": silhouette}
    return {"state": state, "clusters": clusters, "objective": objective, "scores": scores}


ROWS = [
    row(5, 0.2, 0.3, 0.9),
    row(9, 0.9, 0.7, 0.6),
    row(9, 0.8, 0.6, 0.5),
    row(11, 0.7, 0.8, 0.4),
    row(10, 0.85, 0.7, 0.5),
    row(99, None, 0.0, 0.0, "stopped"),
]


def test_three_numbers_have_three_reasons():
    assert suggest_n_clusters(ROWS, "pooled_rank") == [
        (9, "highest pooled_rank, 0.90"),
        (11, "other trials agree most, to ARI 0.80"),
        (5, "highest silhouette over all embeddings, 0.90"),
    ]


def test_where_the_reasons_name_the_same_numbers_the_next_best_follow():
    assert suggest_n_clusters(ROWS[1:3] + ROWS[4:], "pooled_rank") == [
        (9, "highest pooled_rank, 0.90"),
        (10, "pooled_rank 0.85"),
    ]


def test_a_sweep_with_one_number_suggests_none():
    assert suggest_n_clusters(ROWS[1:3], "pooled_rank") == []
    assert n_clusters_sentence([]) == ""


def test_the_sentence_names_numbers_and_reasons():
    sentence = n_clusters_sentence(suggest_n_clusters(ROWS[:2], "nmi"))
    assert sentence.startswith("Numbers of clusters: 9 (highest nmi, 0.90); 5 (highest silhouette over")
