from raycluster.clustering.graph_clustering import advice
from raycluster.options import ClusterOptions


def test_images_whose_clusters_have_chained_can_have_a_head_trained():
    assert advice(ClusterOptions(embeddings="v.npy", out="c")).one_cluster == (
        "the clusters have chained together; try fewer --n-neighbors"
    )
    assert advice(ClusterOptions(data="photos", out="c")).one_cluster.endswith("raycluster train jule --backbone")
