"""The files of the sandbox: the helper package, and only the probe of each question.

A judge contains the right answer, so it stays outside, and so does the code that draws the inputs.
What remains of a chapter's file is the probes and the code that they use.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterable
from pathlib import Path

import d2lcompute

_STUB = '''"""Takes the place of the exercises' checks while a submission is graded."""


class _Quiet:
    def __repr__(self):
        return ""


def check(*arguments, **named):
    return _Quiet()


def score(*arguments, **named):
    return _Quiet()
'''
_SHARED = ("answers", "question", "wire", "frameworks")  # used by every question, copied whole
_NOTEBOOK_ONLY = {"report", "saved"}  # not copied
_REMOVED = {"inputs": 3, "judge": 5}  # arguments of Question that stay outside, with position


def make_stage(folder: Path, private: Path | None = None, pruned: bool = True) -> None:
    """Copy into `folder` everything that a worker imports.

    `private` is the instructor's folder of private questions. Only tests set `pruned` to False,
    which keeps the judges in.
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
        for prefix, origin in (("", source / "checks"), ("_private_", private))
        for file in (origin.glob("[a-z]*.py") if origin else ())
        if prefix or file.stem not in _NOTEBOOK_ONLY
    }
    for name, text in (probes_of(texts) if pruned else texts).items():
        (checks / f"{name}.py").write_text(text, "utf-8")
    for path in (folder, *folder.rglob("*")):  # the worker may run as another user
        path.chmod(0o755 if path.is_dir() else 0o644)


def probes_of(texts: dict[str, str]) -> dict[str, str]:
    """Return the sources of questions, by module, without their inputs and judges.

    Names that are no longer used are removed too, also from modules that chapters share.
    """
    trees = {name: ast.parse(text) for name, text in texts.items() if name not in _SHARED}
    chapters = {
        name: _reachable(_WithoutJudges().visit(tree), {"QUESTIONS"})
        for name, tree in trees.items()
        if any("QUESTIONS" in (_defined(statement) or ()) for statement in tree.body)
    }
    staged = {name: texts[name] for name in _SHARED if name in texts}
    staged |= {name: ast.unparse(tree) + "\n" for name, tree in chapters.items()}
    for name in trees.keys() - chapters.keys():
        used = _imported_from(name, chapters.values())
        staged[name] = ast.unparse(_reachable(trees[name], used)) + "\n" if used else texts[name]
    return staged


def _imported_from(module: str, trees: Iterable[ast.Module]) -> set[str]:
    """Return the names imported from a module; an empty set if the whole module is imported."""
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
    """Return the module with only the statements that define `needed` names, and what they use."""
    needed, kept = set(needed), set()
    while True:
        added = [
            (number, statement)
            for number, statement in enumerate(tree.body)
            if number not in kept and _is_needed(statement, needed)
        ]
        if not added:
            break
        for number, statement in added:
            kept.add(number)
            needed |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    tree.body = [tree.body[number] for number in sorted(kept)]
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module != "__future__":
            statement.names = [
                alias for alias in statement.names if (alias.asname or alias.name) in {*needed, "*"}
            ]
    return ast.fix_missing_locations(tree)


class _WithoutJudges(ast.NodeTransformer):
    """Replaces the inputs and the judge of each question by None."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if _last_name(node.func) == "Question":
            for keyword in node.keywords:
                if keyword.arg in _REMOVED:
                    keyword.value = ast.Constant(None)
            for position in _REMOVED.values():
                if position < len(node.args):
                    node.args[position] = ast.Constant(None)
        return node


def _is_needed(statement: ast.stmt, needed: Iterable[str]) -> bool:
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        return True
    defined = _defined(statement)
    if defined is not None:
        return bool(defined & set(needed))
    # Other statements (if, try, assignments to attributes) may matter; docstrings do not.
    return not isinstance(statement, ast.Expr)


def _defined(statement: ast.stmt) -> set[str] | None:
    """Return the names that a statement defines; None if it may do more than define names."""
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
