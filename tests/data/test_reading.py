from raycluster.data.reading import Reading


def test_a_run_remembers_how_its_source_was_read():
    reading = Reading("folders", ("*.bmp",), "all", "x")
    identity = {"labels": "folders", "seed": 3} | reading.unusual()
    assert Reading.of(identity | {"exclude": ["*.bmp"]}) == reading  # JSON knows no tuples


def test_what_is_usual_is_not_mentioned():
    assert Reading("folders").unusual() == {}
    assert Reading.of({"labels": "auto"}) == Reading()
