"""Pictures of a sweep."""


def sweep_page(rows, objective, title):
    return ""
