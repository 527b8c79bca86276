import math

import numpy as np
import pytest

from raycluster.errors import UserError
from raycluster.methods.concurl.settings import ConcurlSettings
from raycluster.methods.jule.settings import JuleSettings
from raycluster.sweeps.search_space import Choice, Range, draw_settings, grid, most_clusters, parse_fixed, parse_space

JULE = JuleSettings()


def test_ranges_logarithms_whole_numbers_and_lists_are_read():
    words = ["unroll_rate=0.2:0.95", "learning-rate=log:1e-3:1e-1", "n_neighbors=5:40", "affinity=local,global"]
    assert parse_space([*words, "grouped_batches=true,false", "negatives=none,20"], JULE) == {
        "unroll_rate": Range(0.2, 0.95),
        "learning_rate": Range(1e-3, 1e-1, log=True),
        "n_neighbors": Range(5, 40, whole=True),
        "affinity": Choice(("local", "global")),
        "grouped_batches": Choice((True, False)),
        "negatives": Choice((None, 20)),
    }


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("unrol_rate=0.2:0.9", "There is no setting 'unrol_rate': choose one of clusters, n_neighbors, affinity"),
        ("unroll_rate=0.9:0.2", "the range is empty, because 0.9 is not below 0.2"),
        ("unroll_rate=0.5:0.5", "the range is empty"),
        ("unroll_rate=0.5:1.5", "--unroll-rate 1.5: choose a share above 0 and up to 1"),
        ("learning_rate=log:0:1", "a logarithmic range must start above 0"),
        ("learning_rate=lin:0.1:1", "write a range as LOW:HIGH or log:LOW:HIGH"),
        ("learning_rate=0.1:much", "write a range as LOW:HIGH or log:LOW:HIGH"),
        ("n_neighbors=2.5:4", "whole number"),
        ("n_neighbors=10,many", "takes int or none"),
        ("affinity=local:global", "is not a number, so it cannot have a range"),
        ("affinity=local,other", "the setting takes .*local"),
        ("rounds=1,2,1", "lists a value twice"),
        ("rounds", "write NAME=LOW:HIGH"),
        ("clusters=1:9", "--clusters 1: choose at least 2"),
        ("clusters=5,auto", "takes int"),
    ],
)
def test_bad_words_end_with_a_sentence(word, sentence):
    with pytest.raises(UserError, match=sentence.replace("(", r"\(")):
        parse_space([word], JULE)


def test_a_setting_that_comes_twice_is_refused():
    with pytest.raises(UserError, match="names rounds twice"):
        parse_space(["rounds=1,2", "rounds=0:3"], JULE)


@pytest.mark.parametrize(("word", "most"), [("clusters=5:60", 60), ("clusters=9,12,3", 12), ("rounds=0:3", None)])
def test_the_number_of_clusters_is_varied_like_a_setting(word, most):
    space = parse_space([word], JULE)
    assert most_clusters(space) == most
    with pytest.raises(UserError, match="that all trials share is --clusters 5"):
        parse_fixed(["clusters=5"], JULE)


def test_fixed_settings_are_read_by_their_type():
    assert parse_fixed(["rounds=0", "margin=1", "join-small-components=false"], JULE) == {
        "rounds": 0,
        "margin": 1.0,
        "join_small_components": False,
    }
    assert parse_fixed(["nce_views=2", "trunk=resnet18"], ConcurlSettings()) == {"nce_views": 2, "trunk": "resnet18"}
    with pytest.raises(UserError, match="--rounds -1: choose 0 or more"):
        parse_fixed(["rounds=-1"], JULE)


def test_a_trial_has_the_same_settings_in_every_sweep_of_its_seed():
    space = parse_space(["unroll_rate=0.2:0.95", "rounds=0:3", "affinity=local,global"], JULE)
    assert draw_settings(space, 1, 5) == draw_settings(space, 1, 5)
    assert draw_settings(space, 1, 5) != draw_settings(space, 1, 6)
    assert draw_settings(space, 1, 5) != draw_settings(space, 2, 5)


def test_draws_fill_their_range_evenly_on_its_scale():
    rng = np.random.default_rng(0)
    rates = np.array([Range(1e-3, 1e-1, log=True).draw(rng) for _ in range(2000)])
    assert rates.min() >= 1e-3
    assert rates.max() <= 1e-1
    assert (rates < 1e-2).mean() == pytest.approx(0.5, abs=0.05)
    whole = [Range(1, 3, whole=True).draw(rng) for _ in range(3000)]
    assert np.bincount(whole)[1:] == pytest.approx([1000] * 3, abs=100)
    assert all(isinstance(value, int) for value in whole)
    assert all(math.isfinite(value) for value in rates)


def test_a_grid_has_every_combination_and_no_ranges():
    space = parse_space(["rounds=0,1", "affinity=local,global"], JULE)
    assert grid(space) == [
        {"rounds": 0, "affinity": "local"},
        {"rounds": 0, "affinity": "global"},
        {"rounds": 1, "affinity": "local"},
        {"rounds": 1, "affinity": "global"},
    ]
    with pytest.raises(UserError, match="unroll_rate has a range"):
        grid(parse_space(["unroll_rate=0.2:0.95", "rounds=0,1"], JULE))
