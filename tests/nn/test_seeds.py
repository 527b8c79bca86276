from raycluster.nn.seeds import hash_seed


def test_different_numbers_give_different_reproducible_seeds():
    seeds = {hash_seed(a, b) for a in range(-1, 10) for b in range(-1, 10)}
    assert len(seeds) == 121
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert hash_seed(1, 2) == hash_seed(1, 2)
