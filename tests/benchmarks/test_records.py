import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))  # its files import each other as scripts do

from records import append_record, is_of, machine, machines_of, read_records, replace_records


def test_measurements_of_a_key_replace_earlier_ones_and_leave_the_others(tmp_path):
    path = tmp_path / "results.jsonl"
    assert read_records(path) == []
    for seed in (0, 1):
        append_record(path, {"data": "digits", "seed": seed, "settings": {"rounds": 2}, "nmi": 0.5})
    replace_records(path, {"seed": 0, "settings": {"rounds": 2}}, [{"seed": 0, "nmi": 0.9}])
    assert [(row["seed"], row["nmi"]) for row in read_records(path)] == [(1, 0.5), (0, 0.9)]
    assert not is_of({"seed": 1, "settings": {"rounds": 2}}, {"seed": 1, "settings": {"rounds": 0}})


def test_machines_are_named_once_with_their_dates():
    here = machine()
    assert "cores, torch " in here["machine"]
    assert machines_of([here, here | {"nmi": 1.0}]) == f"{here['machine']}, {here['date']}"
