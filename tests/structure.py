"""The structure of the source in numbers: `python -m tests.structure [FOLDER]`.

Read from the files alone, nothing is imported, so that two versions of the source can be measured side by side.
"""

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

TOP = ("engine", "tui")
SHORT = 40
"""Lines below which a module is counted as short."""
MOST_METHODS = 15
LONGEST_ANNOTATION = 60
"""Characters up to which a string may be an annotation."""


@dataclass(frozen=True)
class Module:
    path: Path
    """From the root."""
    tree: ast.Module
    lines: int

    @property
    def name(self) -> str:
        return ".".join(self.path.with_suffix("").parts)

    @property
    def part(self) -> str:
        """The folder, or the module where it lies at the top."""
        return "/".join(self.path.parent.parts) if len(self.path.parts) > 2 else self.name.replace(".", "/")


def modules(root: Path) -> list[Module]:
    paths = sorted(path for top in TOP for path in (root / top).rglob("*.py") if path.name != "__init__.py")
    texts = {path: path.read_text() for path in paths}
    return [Module(path.relative_to(root), ast.parse(text), text.count("\n")) for path, text in texts.items()]


def imports(module: Module, names: set[str]) -> set[str]:
    """Names of the project's modules that a module imports, also inside functions and for types alone."""
    found = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            package = module.name.split(".")[: -node.level]
            base = ".".join([*package, *filter(None, [node.module])])
            found |= {base} & names or {f"{base}.{alias.name}" for alias in node.names} & names
    return found


def arrows(all_modules: list[Module]) -> dict[str, set[str]]:
    """Folder, or module at the top -> those that it imports from."""
    part_of = {module.name: module.part for module in all_modules}
    found: dict[str, set[str]] = defaultdict(set)
    for module in all_modules:
        found[module.part] |= {part_of[name] for name in imports(module, set(part_of))} - {module.part}
    return found


def pairs(graph: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Parts that import each other."""
    return sorted((a, b) for a in graph for b in graph[a] if a < b and a in graph.get(b, set()))


def has_circle(graph: Mapping[str, set[str]]) -> bool:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return True
    return False


def classes(all_modules: list[Module]) -> Iterator[tuple[Module, ast.ClassDef, int]]:
    """Every class with the number of its methods, properties and those with double underscores included."""
    for module in all_modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                names = {each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
                yield module, node, len(names)


def public_names(module: Module) -> set[str]:
    """Classes, functions and values that a module defines at its top."""
    names = set()
    for node in module.tree.body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case _:
                pass
    return {name for name in names if not name.startswith("_")}


def shared_names(all_modules: list[Module]) -> dict[str, list[str]]:
    """Public names that are defined in more than one module."""
    homes: dict[str, list[str]] = defaultdict(list)
    for module in all_modules:
        for name in public_names(module):
            homes[name].append(str(module.path))
    return {name: sorted(paths) for name, paths in sorted(homes.items()) if len(paths) > 1}


def used_names(module: Module) -> Iterator[str]:
    """Names that a module reads, imports or has in a pattern, also within quoted annotations."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name) | ast.alias(name=name):
                yield name
            case ast.Constant(value=str(text)) if len(text) < LONGEST_ANNOTATION:
                yield from re.findall(r"\w+", text)
            case _:
                pass


def unused_names(all_modules: list[Module]) -> set[str]:
    """Public names that no module uses, such as a thing that was never entered into its table."""
    used = {name for module in all_modules for name in used_names(module)}
    return {name for module in all_modules for name in public_names(module)} - used


def main(root: Path) -> None:
    found = modules(root)
    graph = arrows(found)
    files = Counter(str(module.path.parent) for module in found)
    big = sorted(((n, node.name) for _, node, n in classes(found) if n > MOST_METHODS), reverse=True)
    shared = shared_names(found)
    print("files a folder:", ", ".join(f"{folder} {count}" for folder, count in sorted(files.items())))
    for top in TOP:
        inside = {part: {to for to in out if to.startswith(top)} for part, out in graph.items() if part.startswith(top)}
        print(f"{top}: {len(inside)} rooms, {sum(map(len, inside.values()))} arrows, circle: {has_circle(inside)},")
        print("  importing each other:", ", ".join(f"{a} and {b}" for a, b in pairs(inside)) or "none")
    print(f"modules: {len(found)}, of fewer than {SHORT} lines: {sum(module.lines < SHORT for module in found)}")
    print(f"classes above {MOST_METHODS} methods: {len(big)}", ", ".join(f"{name} {n}" for n, name in big))
    print(f"public names with two homes: {len(shared)}", ", ".join(shared))
    print("public names that nothing uses:", ", ".join(sorted(unused_names(found))))
    print(f"words of the README: {len((root / 'README.md').read_text().split())}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1])
