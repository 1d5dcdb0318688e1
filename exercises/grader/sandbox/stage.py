"""What is put into the sandbox: the helper package, and of each question the probe alone.

A judge says what is right, so it stays outside, and so does what draws the inputs. Of a chapter's
file that leaves the probes and what they use.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterable
from pathlib import Path

import d2lcompute

_STUB = '''"""Stands for the checks of the exercises while a submission is graded."""


class _Quiet:
    def __repr__(self):
        return ""


def check(*arguments, **named):
    return _Quiet()


def score(*arguments, **named):
    return _Quiet()
'''
_SHARED = ("answers", "question", "wire", "frameworks")  # what every question uses, and no answer
_LEFT_OUT = {"report", "saved"}  # what only a notebook needs
_OUTSIDE = {"inputs": 3, "judge": 5}  # what of a Question stays outside, and its position


def make_stage(folder: Path, private: Path | None = None, pruned: bool = True) -> None:
    """Fill `folder` with what a worker imports.

    `private` is the instructor's own folder of questions. `pruned` False leaves the judges in.
    """
    source = Path(d2lcompute.__file__).parent
    checks = folder / "d2lcompute" / "checks"
    checks.mkdir(parents=True)
    for file in source.glob("*.py"):
        shutil.copyfile(file, folder / "d2lcompute" / file.name)
    shutil.copytree(
        Path(__file__).parent / "inside",
        folder / "inside",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (folder / "inside" / "start.py").rename(folder / "start.py")
    (checks / "__init__.py").write_text(_STUB)
    texts = {
        f"{prefix}{file.stem}": file.read_text("utf-8")
        for prefix, place in (("", source / "checks"), ("_private_", private))
        for file in (place.glob("[a-z]*.py") if place else ())
        if prefix or file.stem not in _LEFT_OUT
    }
    for name, text in (probes_of(texts) if pruned else texts).items():
        (checks / f"{name}.py").write_text(text, "utf-8")
    for path in (folder, *folder.rglob("*")):  # whoever the worker runs as
        path.chmod(0o755 if path.is_dir() else 0o644)


def probes_of(texts: dict[str, str]) -> dict[str, str]:
    """The sources of questions, by module, without their inputs and judges.

    Names that nothing is left to use go too, also from modules that chapters share.
    """
    trees = {name: ast.parse(text) for name, text in texts.items() if name not in _SHARED}
    chapters = {
        name: _reachable(_Outside().visit(tree), {"QUESTIONS"})
        for name, tree in trees.items()
        if any("QUESTIONS" in (_defined(statement) or ()) for statement in tree.body)
    }
    left = {name: texts[name] for name in _SHARED if name in texts}
    left |= {name: ast.unparse(tree) + "\n" for name, tree in chapters.items()}
    for name in trees.keys() - chapters.keys():
        wanted = _imported_from(name, chapters.values())
        left[name] = ast.unparse(_reachable(trees[name], wanted)) + "\n" if wanted else texts[name]
    return left


def _imported_from(module: str, trees: Iterable[ast.Module]) -> set[str]:
    """The names that are imported from a module; none if it is imported as a whole."""
    names: set[str] = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith(f".{module}"):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom | ast.Import) and any(
            alias.name.endswith(module) for alias in node.names
        ):
            return set()
    return set() if "*" in names else names


def _reachable(tree: ast.Module, needed: set[str]) -> ast.Module:
    """What of a module these names need."""
    needed, kept = set(needed), set()
    while True:
        found = [
            (number, statement)
            for number, statement in enumerate(tree.body)
            if number not in kept and _is_needed(statement, needed)
        ]
        if not found:
            break
        for number, statement in found:
            kept.add(number)
            needed |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    tree.body = [tree.body[number] for number in sorted(kept)]
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module != "__future__":
            statement.names = [
                alias for alias in statement.names if (alias.asname or alias.name) in {*needed, "*"}
            ]
    return ast.fix_missing_locations(tree)


class _Outside(ast.NodeTransformer):
    """Replaces inputs and judges by None."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if _last_name(node.func) == "Question":
            for keyword in node.keywords:
                if keyword.arg in _OUTSIDE:
                    keyword.value = ast.Constant(None)
            for position in _OUTSIDE.values():
                if position < len(node.args):
                    node.args[position] = ast.Constant(None)
        return node


def _is_needed(statement: ast.stmt, needed: Iterable[str]) -> bool:
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        return True
    defined = _defined(statement)
    if defined is not None:
        return bool(defined & set(needed))
    # Anything else (an if, a try, an assignment to an attribute) may matter; a text does not.
    return not isinstance(statement, ast.Expr)


def _defined(statement: ast.stmt) -> set[str] | None:
    """The names that a statement does nothing but define; None: it may do more."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names = [node for target in targets for node in ast.walk(target)]
        if all(isinstance(n, ast.Name | ast.Tuple | ast.List | ast.expr_context) for n in names):
            return {node.id for node in names if isinstance(node, ast.Name)}
    return None


def _last_name(node: ast.AST) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
