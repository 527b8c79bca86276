"""Imports go down only: the floor plan of the repository, read from its source."""

import ast
import subprocess
import sys
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
# Bottom to top. A package may import those of its own layer and of the layers below it.
LAYERS = [
    {"errors", "lazy", "reproduction_only"},
    {"graph", "nn", "data"},
    {"metrics", "options"},
    {"runtime"},
    {"remote", "methods"},
    {"report"},
    {"training"},
    {"embedding", "clustering", "results", "sweeps"},
    {"api"},
    {"raycluster"},
    {"cli", "jobs", "tune"},
    {"__main__"},
]
HEIGHT = {package: height for height, layer in enumerate(LAYERS) for package in layer}
WITHOUT_RAY = {"errors", "graph", "nn", "data", "metrics", "methods"}
READS_THROUGH_RAY = {"raycluster.data.pipeline", "raycluster.data.streaming"}


class Import(NamedTuple):
    """``module`` names ``target``, and by doing so runs it at once (``loads``) or later, or only for annotations."""

    module: str
    target: str
    loads: bool


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def package_of(module: str) -> str:
    """``graph`` of ``raycluster.graph.tree``, ``jobs`` of ``jobs.train``, and ``raycluster`` of the front door."""
    return module.removeprefix("raycluster.").split(".")[0]


def imports_of(module: str, source: str, modules: set[str]) -> set[Import]:
    """Return everything that a module imports, ``modules`` being those that ``from package import`` may name."""
    found = set()

    def visit(node: ast.AST, loads: bool) -> None:
        if isinstance(node, ast.Import):
            found.update(Import(module, name.name, loads) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}, line {node.lineno}: import by the full name"
            for name in node.names:
                full_name = f"{node.module}.{name.name}"
                found.add(Import(module, full_name if full_name in modules else str(node.module), loads))
        loads = loads and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for_annotations = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.iter_child_nodes(node):
            visit(child, loads and not for_annotations)

    visit(ast.parse(source), loads=True)
    return found


SOURCES = {
    module_name(path): path for folder in ("raycluster", "jobs", "tune") for path in (ROOT / folder).rglob("*.py")
}
IMPORTS = set().union(*(imports_of(module, path.read_text(), set(SOURCES)) for module, path in SOURCES.items()))
OURS = {edge for edge in IMPORTS if edge.target.split(".")[0] in ("raycluster", "jobs", "tune")}


def imports_ray(edge: Import) -> bool:
    return edge.target.split(".")[0] == "ray"


def first_cycle(edges: set[tuple[str, str]]) -> list[str]:
    graph = defaultdict(set)
    for start, end in edges:
        if start != end:
            graph[start].add(end)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_imports_are_found_wherever_they_stand():
    source = """
import ray.data, numpy as np
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from a.b import C
try:
    from a import d
except ImportError:
    pass
class E:
    from a import F
    def method(self):
        import g
"""
    assert imports_of("m", source, {"a.d"}) == {
        Import("m", "ray.data", True),
        Import("m", "numpy", True),
        Import("m", "typing", True),
        Import("m", "a.b", False),
        Import("m", "a.d", True),
        Import("m", "a", True),
        Import("m", "g", False),
    }


def test_every_package_has_a_layer_and_every_layer_exists():
    assert {package_of(module) for module in SOURCES} == set(HEIGHT)


def test_every_import_names_a_module_that_exists():
    assert {edge.target for edge in OURS} <= set(SOURCES)


def test_no_import_goes_up():
    upward = [edge for edge in OURS if HEIGHT[package_of(edge.target)] > HEIGHT[package_of(edge.module)]]
    assert upward == []


def test_packages_form_no_cycle():
    assert first_cycle({(package_of(edge.module), package_of(edge.target)) for edge in OURS}) == []


def test_modules_form_no_cycle():
    assert first_cycle({(edge.module, edge.target) for edge in OURS if edge.loads}) == []


def test_a_cycle_is_named():
    assert first_cycle({("a", "b"), ("b", "c"), ("c", "b"), ("a", "a")}) in (["b", "c", "b"], ["c", "b", "c"])


def test_only_two_readers_of_data_import_ray_below_runtime():
    with_ray = {edge.module for edge in IMPORTS if imports_ray(edge) and package_of(edge.module) in WITHOUT_RAY}
    assert with_ray == READS_THROUGH_RAY


def test_graphs_networks_metrics_and_methods_never_reach_ray():
    reached = {module for module in SOURCES if package_of(module) in WITHOUT_RAY - {"data"}}
    while further := {edge.target for edge in OURS if edge.module in reached} - reached:
        reached |= further
    assert [edge for edge in IMPORTS if edge.loads and edge.module in reached and imports_ray(edge)] == []


def test_the_doors_to_graph_and_methods_open_without_ray():
    script = "import sys, raycluster, raycluster.graph, raycluster.methods; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
