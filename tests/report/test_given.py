import json
import re

from raycluster.report.arrangement import arrange
from raycluster.report.given import clusters_at, given_to, is_page, offered_by, with_given
from raycluster.report.page import page_text


def test_a_page_takes_names_and_a_cut_and_changes_in_nothing_else(content):
    page = page_text(content, arrange(content), [""] * 400)
    assert is_page(page)
    assert not is_page("<html><body>an older page</body></html>")
    assert given_to(page) == {}
    assert offered_by(page)[:3] == [1, 2, 3]
    assert clusters_at(page, 12) == set(range(12))
    given = {"shown": 12, "names": {"names": {"3": r"</script>\1 <b>"}}}
    changed = with_given(page, given)
    assert given_to(changed) == given
    assert with_given(changed, {}) == page
    inside = re.search(r'id="given">([^<]*)</script>', changed)[1]
    assert json.loads(inside) == given
