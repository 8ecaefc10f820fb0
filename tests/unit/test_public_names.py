"""The library's face changes on purpose only: its names, fields and parameters are those of public_names.txt.

`INSTUI_UPDATE_NAMES=1 pytest tests/unit/test_public_names.py` writes that file anew; whoever does reads the difference
as a user of the library would.
"""

import ast
import inspect
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import instui_engine
from instui_engine.journal import events

NAMES = Path(__file__).parent / "public_names.txt"


def documented(name: str) -> ast.ClassDef | ast.FunctionDef:
    """The definition of a public name."""
    value = getattr(instui_engine, name)
    tree = ast.parse(inspect.getsource(import_module(value.__module__)))
    kinds = (ast.ClassDef, ast.FunctionDef)
    (found,) = [node for node in tree.body if isinstance(node, kinds) and node.name == value.__name__]
    return found


def lines_of(node: ast.ClassDef | ast.FunctionDef, indent: str = "") -> Iterator[str]:
    """A definition as a user sees it: no private names and no bodies."""
    if isinstance(node, ast.FunctionDef):
        is_property = any(isinstance(one, ast.Name) and one.id == "property" for one in node.decorator_list)
        returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        yield (
            f"{indent}{node.name}: property{returned}"
            if is_property
            else (f"{indent}{node.name}({ast.unparse(node.args)}){returned}")
        )
        return
    yield f"{indent}class {node.name}({', '.join(map(ast.unparse, node.bases))})"
    for member in node.body:
        if isinstance(member, ast.AnnAssign) and not ast.unparse(member.target).startswith("_"):
            yield f"{indent}    {ast.unparse(member)}"
        if isinstance(member, ast.FunctionDef) and (member.name == "__init__" or not member.name.startswith("_")):
            yield from lines_of(member, f"{indent}    ")


def face() -> str:
    """All public names with their fields and parameters, and the names of events with their fields."""
    names = sorted(name for name in instui_engine.__all__ if name != "__version__")
    lines = [line for name in names for line in lines_of(documented(name))]
    lines += ["", "# instui_engine.journal.events"]
    for kind in sorted(vars(events).values(), key=lambda kind: getattr(kind, "__name__", "")):
        is_ours = inspect.isclass(kind) and kind.__module__.startswith("instui_engine.journal.")
        if is_ours and kind is not events.Event:
            fields = ", ".join(getattr(kind, "_fields", ()))
            lines.append(f"{kind.__name__}({fields})")
    return "\n".join(lines) + "\n"


def test_the_face_is_as_it_was() -> None:
    if os.environ.get("INSTUI_UPDATE_NAMES"):
        NAMES.write_text(face(), encoding="utf-8")
    assert face() == NAMES.read_text(encoding="utf-8")
