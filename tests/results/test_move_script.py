import os
import subprocess

from raycluster.results.move_script import move_script


def run(folder, moves):
    (folder / "move.sh").write_bytes(os.fsencode(move_script(moves)))
    done = subprocess.run(["sh", folder / "move.sh"], capture_output=True, text=True, check=False, cwd="/")
    return done.returncode, done.stderr


def test_files_of_any_name_are_moved_and_moving_them_again_does_nothing(tmp_path):
    names = [b"a.png", b"-rf.png", b"new\nline.png", b'it\'s "$(touch pwned)".png', b"\xff.png"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(name)
    out = tmp_path / "sorted"
    out.mkdir()
    moves = [(str(tmp_path / os.fsdecode(name)), f"-cats' /{i}\n.png") for i, name in enumerate(names)]
    for _ in range(2):
        assert run(out, moves) == (0, "")
        assert [(out / target).read_bytes() for _, target in moves] == names
    assert [path.name for path in tmp_path.iterdir()] == ["sorted"]
    assert sorted(path.name for path in out.iterdir()) == ["-cats' ", "move.sh"]


def test_nothing_is_overwritten_and_what_is_gone_is_named(tmp_path):
    (tmp_path / "a.png").write_text("new")
    (tmp_path / "sorted" / "cats").mkdir(parents=True)
    (tmp_path / "sorted" / "cats" / "a.png").write_text("old")
    moves = [(str(tmp_path / "a.png"), "cats/a.png"), (str(tmp_path / "b.png"), "cats/b.png")]
    code, said = run(tmp_path / "sorted", moves)
    assert code == 1
    assert f"another file has its place: {tmp_path}/a.png\n" in said
    assert f"not there any more: {tmp_path}/b.png\n" in said
    assert (tmp_path / "a.png").read_text() == "new"
    assert (tmp_path / "sorted" / "cats" / "a.png").read_text() == "old"
