"""A page made of the template's files: one HTML file that needs no other and may load nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import html
from importlib.resources import files
from string import Template

TEMPLATE = files("raycluster.report") / "template"
STYLE, BASICS = "style.css", "dom.js"
LOADING = " 'self' file:"  # scripts beside the page, from a server or from the disk
# In this order, one after another.
RUN_SCRIPTS = (
    "data.js",
    "tree.js",
    "state.js",
    "slider.js",
    "tiles.js",
    "clusters.js",
    "map.js",
    "detail.js",
    "images.js",
    "lists.js",
    "takeaway.js",
    "about.js",
    "main.js",
)


def fill(name: str, title: str, scripts: tuple[str, ...] = (), parts: bool = False, **contents: str) -> str:
    """Return a page of the template, with its style, its scripts and its contents in it.

    The policy of the page lets only these scripts and styles run, told by their hashes, and forbids all requests. With
    ``parts`` it may also load scripts from where it is.

    Parameters
    ----------
    name : str
        Of the HTML file in ``template/``.
    title : str
        As text.
    scripts : tuple of str
        Files in ``template/js/``.
    parts : bool
    **contents : str
        For other places in the file, as markup.
    """
    style = _text(STYLE)
    script = "\n".join(['"use strict";', *(_text("js", one) for one in scripts)]) if scripts else ""
    allowed = f"'sha256-{_sha256(_wrapped(script))}'{LOADING if parts else ''}" if scripts else "'none'"
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'sha256-{_sha256(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return Template(_text(name)).substitute(
        contents, title=html.escape(title), policy=policy, style=style, script=_wrapped(script)
    )


def _wrapped(script: str) -> str:
    return f"(() => {{\n{script}\n}})();\n" if script else ""


def _text(*path: str) -> str:
    return TEMPLATE.joinpath(*path).read_text(encoding="utf-8")


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
