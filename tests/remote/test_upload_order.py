from hypothesis import given
from hypothesis import strategies as st

from raycluster.remote.upload_order import (
    BEFORE,
    CONFIG,
    STATE,
    Change,
    batches,
    changes,
    incomplete,
    is_kept,
    seals,
)
from raycluster.runtime.checkpoint import STATE as STATE_OF_CHECKPOINTS

CHECKPOINTS = [f"checkpoints/training/{number:06d}/{file}" for number in range(3) for file in ("t.safetensors", STATE)]
RUN = ["rejected.parquet", CONFIG, "metrics.jsonl", "assignments.parquet", "embeddings/part-0.parquet", "summary.json"]
ALL = [*RUN, *CHECKPOINTS]


def applied(steps, copy, run):
    """Return the copy after each of some steps."""
    states = [dict(copy)]
    for what, name in steps:
        after = dict(states[-1])
        if what == "put":
            after[name] = run[name]
        else:
            del after[name]
        states.append(after)
    return states


@st.composite
def copy_and_run(draw):
    """Return an earlier and a later state of a run: whatever is sealed in one of them is of one version there."""

    def state(version):
        names = set(draw(st.lists(st.sampled_from(RUN), unique=True)))
        numbers = draw(st.lists(st.integers(0, 2), unique=True))
        names |= {name for name in CHECKPOINTS if int(name.split("/")[2]) in numbers}
        return dict.fromkeys(sorted(names), version)

    return state(1), state(2)


@given(copy_and_run())
def test_whenever_it_stops_whatever_counts_as_complete_is_of_one_version(states):
    copy, run = states
    steps = changes([*run], [name for name in copy if name not in run], copy)
    reached = applied(steps, copy, run)
    assert reached[-1] == run
    for state in reached:
        if "summary.json" in state:
            sealed = (copy, run)[state["summary.json"] - 1]
            assert {name: state.get(name) for name in RUN} == {name: sealed.get(name) for name in RUN}
        for seal in (name for name in state if name.endswith(STATE)):
            assert state.get(seal.replace(STATE, "t.safetensors")) == state[seal]


def test_a_checkpoint_goes_when_a_newer_one_has_come():
    old, new = CHECKPOINTS[:2], CHECKPOINTS[2:4]
    assert changes(new, old, old) == [
        Change("put", new[0]),
        Change("put", new[1]),
        Change("remove", old[1]),
        Change("remove", old[0]),
    ]


def test_checkpoints_of_other_settings_go_before_the_settings_change():
    config, old = "trials/0001/config.json", [f"trials/0001/{name}" for name in CHECKPOINTS[:2]]
    new = [f"trials/0001/{name}" for name in CHECKPOINTS[2:4]]
    steps = changes([config, *new], old, [config, *old])
    assert steps[0] == Change("remove", old[1])
    assert steps.index(Change("put", config)) < steps.index(Change("put", new[1]))


def test_a_run_that_has_begun_has_its_rejected_rows_and_metrics_come_before_the_checkpoints_that_count_them():
    order = [name for _, name in changes(ALL, [], [])]
    assert order[:2] == ["rejected.parquet", CONFIG]
    assert order.index("metrics.jsonl") < order.index(CHECKPOINTS[1])
    assert order[-1] == "summary.json"
    trial = [f"trials/0000/{name}" for name in ALL]
    order = [name for _, name in changes(["outcomes/0000.json", *trial, "plan.json"], [], [])]
    assert (order[0], order[-2:]) == ("plan.json", ["trials/0000/summary.json", "outcomes/0000.json"])


def test_former_clusters_are_there_before_a_summary_goes():
    steps = changes([BEFORE], ["summary.json"], [BEFORE, "summary.json", "assignments.parquet"])
    assert steps == [Change("put", BEFORE), Change("remove", "summary.json")]


def test_a_folder_of_an_export_always_says_whose_it_is():
    steps = changes(["raycluster.json", "0/a.png"], [], ["raycluster.json"])
    assert steps == [Change("put", "0/a.png"), Change("put", "raycluster.json")]


def test_locks_partial_files_and_what_is_made_again_stay_here():
    assert not any(
        map(
            is_kept,
            [
                ".lock",
                ".lock.probe",
                "a.json.1f2e3d4c.partial",
                "checkpoints/training/000001.partial/state.json",
                "prepared-images/0.npy",
                "checkpoints/ray/x",
                "trials/0001/prepared-images/0.npy",
                "tune/x/y",
            ],
        )
    )
    assert all(map(is_kept, [*ALL, "checkpoints/kept/a.safetensors", "tensorboard/events", "running/latest/0001.npz"]))


def test_clusters_in_an_export_may_have_any_name():
    assert all(is_kept(name, of_export=True) for name in ("tune/a.png", "prepared-images/a.png", "x.partial/a.png"))
    assert is_kept("exports/tune/a.png")
    assert not is_kept("0/a.png.1f2e3d4c.partial", of_export=True)


def test_a_checkpoint_without_its_state_is_incomplete():
    assert incomplete(CHECKPOINTS[:3]) == {CHECKPOINTS[2]}
    assert incomplete([*RUN, "checkpoints/kept/a.safetensors", "checkpoints/1000/weights.pt"]) == set()
    assert seals("checkpoints/driver/000001/state.json") == "checkpoint"
    assert STATE == STATE_OF_CHECKPOINTS


def test_only_files_of_a_folder_that_seal_nothing_are_changed_together():
    names = ["config.json", "metrics.jsonl", "a/1", "a/2", "b/1", "checkpoints/training/000001/state.json"]
    order = changes([*names, "summary.json"], ["old"], {"old"})
    assert [[change.name for change in batch] for batch in batches(order)] == [
        ["config.json"],
        ["metrics.jsonl"],
        ["a/1", "a/2"],
        ["b/1"],
        ["checkpoints/training/000001/state.json"],
        ["old"],
        ["summary.json"],
    ]
    many = [Change("put", f"a/{number}") for number in range(150)]
    assert [len(batch) for batch in batches(many)] == [64, 64, 22]
