import pytest

from raycluster.errors import UserError
from raycluster.results.run_page import content_of, write_run_page
from raycluster.runtime.console import Console
from raycluster.runtime.run_dir import RunDir


def test_a_page_is_written_from_the_folder_alone_with_pictures_where_the_images_are(jule_run, tmp_path):
    write_run_page(RunDir(jule_run), Console(quiet=True))
    page = (jule_run / "report.html").read_text(encoding="utf-8")
    assert page.count("iVBORw0KGgo") > 100  # how a PNG begins, in base64
    content = content_of(RunDir(jule_run), str(jule_run / "embeddings"))
    assert (len(content.ids), content.tree.n_leaves, len(content.metrics)) == (400, 400, 0)
    assert content.labels is not None


def test_a_page_without_its_images_says_why(jule_run, tmp_path, capsys):
    write_run_page(RunDir(jule_run), Console(), data=str(tmp_path / "gone"))
    assert "The page holds no pictures" in capsys.readouterr().out


def test_an_unfinished_run_has_no_page(jule_run, tmp_path):
    (tmp_path / "config.json").write_bytes((jule_run / "config.json").read_bytes())
    with pytest.raises(UserError):
        write_run_page(RunDir(tmp_path), Console(quiet=True))
