import inspect
from dataclasses import MISSING, fields

import numpy as np
import pytest

import raycluster
from raycluster.errors import UserError
from raycluster.graph.settings import GraphSettings
from raycluster.options import (
    AssignOptions,
    ClusterOptions,
    EmbedOptions,
    EvaluateOptions,
    ExportOptions,
    SweepOptions,
    TrainOptions,
)

OPTIONS = {
    "train": TrainOptions,
    "embed": EmbedOptions,
    "cluster": ClusterOptions,
    "assign": AssignOptions,
    "evaluate": EvaluateOptions,
    "export": ExportOptions,
    "sweep": SweepOptions,
}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_a_parameter_of_the_function_with_the_same_default(name):
    parameters = inspect.signature(getattr(raycluster, name)).parameters
    assert all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters.values())
    options = {field.name: field.default for field in fields(OPTIONS[name])}
    if name == "cluster":
        options = {field: default for field, default in options.items() if field not in vars(GraphSettings())}
    assert set(options) | {"method", "preset", "settings"} >= set(parameters) >= set(options)
    for option, default in options.items():
        given = parameters[option].default
        if (name, option) != ("sweep", "clusters"):  # which has to be thought of
            assert given == (inspect.Parameter.empty if default is MISSING else default), option


@pytest.mark.parametrize("name", OPTIONS)
def test_every_parameter_is_explained(name):
    function = getattr(raycluster, name)
    text = inspect.getdoc(function)
    explained = text[text.index("Parameters\n") : text.index("Returns\n")]
    names = [name for line in explained.splitlines() if " : " in line for name in line.split(" : ")[0].split(", ")]
    groups = ("image_size,", "backbone,")  # which another function explains
    names += [name for line in explained.splitlines() if line.startswith(groups) for name in line.split(", ")]
    assert sorted(names) == sorted(inspect.signature(function).parameters)


def test_what_an_option_cannot_be_is_refused_in_a_sentence():
    needed = {"model": "m", "data": "d", "out": "o"}
    with pytest.raises(UserError, match="--image-size 0: choose at least 1"):
        EmbedOptions(data="d", out="o", image_size=0)
    with pytest.raises(UserError, match="--refuse-above nan: choose a number above 0"):
        AssignOptions(**needed, refuse_above=float("nan"))
    with pytest.raises(UserError, match=r"^clusters=1: there is nothing to cluster, choose at least 2"):
        ClusterOptions(embeddings="e", clusters=1, out="o")
    with pytest.raises(UserError, match="--affinity both: choose local or global"):
        ClusterOptions(embeddings="e", clusters=2, out="o", affinity="both")
    with pytest.raises(UserError, match="--metric cosin: choose cosine, centered or euclidean"):
        ClusterOptions(embeddings="e", out="o", metric="cosin")
    with pytest.raises(UserError, match="--compare dbscan: choose spectral, hdbscan or evoc"):
        ClusterOptions(embeddings="e", out="o", compare=("evoc", "dbscan"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (lambda: TrainOptions(fit="squeeze"), "--fit squeeze: choose pad or crop"),
        (lambda: TrainOptions(clusters="five"), "--clusters five: choose a number or auto"),
        (lambda: TrainOptions(feed="none"), "--feed none: choose auto, resident or streaming"),
        (lambda: TrainOptions(color=1), "--color 1: choose keep, gray or rgb"),
        (lambda: SweepOptions(data="d", out="o", search="best"), "--search best: choose random, grid or optuna"),
        (
            lambda: EmbedOptions(data="d", out="o", labels="names"),
            "--labels names: choose auto, folders or last-folders",
        ),
        (lambda: ClusterOptions(data="d", out="o", fit="pads"), "--fit pads: choose pad or crop"),
        (lambda: AssignOptions(data="d", out="o", model="m", frames="second"), "--frames second: choose first or all"),
        (lambda: EvaluateOptions(run="r", labels="names"), "--labels names: choose auto, folders or last-folders"),
    ],
)
def test_a_word_that_is_no_choice_is_refused_with_the_choices(options, sentence):
    with pytest.raises(UserError, match=f"^{sentence}"):
        options()


def test_numbers_of_any_kind_stand_beside_words():
    assert TrainOptions(clusters=np.int64(5), image_size=(8, 9)).clusters == 5
    assert EvaluateOptions(run="r").labels is None


@pytest.mark.parametrize("value_range", [(5, 5), (9, 3), (0, float("nan")), (0, float("inf"))])
def test_a_range_of_values_without_anything_between_is_refused(value_range):
    for options, needed in ((TrainOptions, {}), (EmbedOptions, {"out": "o"}), (ClusterOptions, {"out": "o"})):
        with pytest.raises(UserError, match="choose a lower and a higher number"):
            options(data="d", **needed, value_range=value_range)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "Name either images, such as a folder of them, or vectors with --embeddings: one of both"),
        ({"data": "d", "embeddings": "e"}, "Name either images"),
        ({"data": "d", "metric": "euclidean"}, "--metric is for vectors, not for images: leave it out"),
        ({"data": "d", "column": "c"}, "--column is for vectors"),
        ({"embeddings": "e", "backbone": "resnet18"}, "--backbone is for images: leave it out"),
        ({"embeddings": "e", "labels": "folders"}, "--labels is for images"),
        ({"embeddings": "e", "gpus_per_worker": 0.0}, "--gpus-per-worker is for images"),
    ],
)
def test_images_or_vectors_are_clustered_each_with_its_own_options(given, sentence):
    with pytest.raises(UserError, match=sentence):
        ClusterOptions(**given, out="o")


def test_a_run_has_its_own_network():
    for given in ({"backbone": "resnet18"}, {"weights": "w"}, {"image_size": 32}, {"fit": "pad"}):
        with pytest.raises(UserError, match=r"is for pretrained networks, and a run has its own: leave it out"):
            EmbedOptions(data="d", out="o", model="runs/x", **given)
