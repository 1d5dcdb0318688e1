"""What a contributor, an adopter and their tools find in the repository besides the book."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from editions.base.project import Project
from editions.base.strings import Strings
from editions.site.chapter_header import report_address
from editions.source.chapter import read_chapter
from packaging.specifiers import SpecifierSet

import d2lcompute

ROOT = Path(__file__).parents[1]
FORMS = ROOT / ".github" / "ISSUE_TEMPLATE"
ABOUT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
TARGETS = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text("utf8")))
COMMAND = "python -m d2lcompute"

# A file, the schema that it has to keep to, and a change that breaks it.
SCHEMAS = {
    ".github/ISSUE_TEMPLATE/failure.yml": ("github-issue-forms", "type: textarea", "type: text"),
    ".github/ISSUE_TEMPLATE/mistake.yml": ("github-issue-forms", "description:", "describe:"),
    ".github/ISSUE_TEMPLATE/proposal.yml": ("github-issue-forms", "body:", "fields:"),
    ".github/ISSUE_TEMPLATE/config.yml": ("github-issue-config", "false", "sometimes"),
    ".github/dependabot.yml": ("dependabot", "interval: monthly", "interval: never"),
    "CITATION.cff": ("citation-file-format", "title:", "name:"),
}


def load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text("utf8"))


def keeps_to(schema: str, path: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    return subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", SCHEMAS)
def test_a_file_keeps_to_its_schema(path: str, tmp_path: Path) -> None:
    schema, right, wrong = SCHEMAS[path]
    done = keeps_to(schema, ROOT / path)
    assert done.returncode == 0, done.stdout
    broken = tmp_path / Path(path).name
    broken.write_text((ROOT / path).read_text("utf8").replace(right, wrong), "utf8")
    assert keeps_to(schema, broken).returncode != 0


def test_every_form_is_checked() -> None:
    assert {f".github/ISSUE_TEMPLATE/{path.name}" for path in FORMS.iterdir()} <= set(SCHEMAS)


# -- issue forms ------------------------------------------------------------------------------


def test_a_report_of_a_failure_brings_the_environment() -> None:
    fields = {
        field.get("id"): field for field in load(".github/ISSUE_TEMPLATE/failure.yml")["body"]
    }
    asked = fields["environment"]
    assert COMMAND in asked["attributes"]["label"]
    assert asked["validations"]["required"]


def form_of(address: str) -> tuple[str, set[str]]:
    """The form that an address of a new issue opens, and the fields that it fills in."""
    query = parse_qs(urlsplit(address).query)
    return query.get("template", ["none"])[0], set(query) - {"template", "title"}


def test_the_button_on_a_page_fills_in_a_form_that_exists() -> None:
    project = Project(ROOT)
    path = project.chapters[0]
    chapter = read_chapter(path, project.relative(path))
    address = report_address(project, chapter, f"book/{path.stem}", Strings("en"))
    form, filled = form_of(address)
    assert filled
    assert filled <= {field.get("id") for field in load(f".github/ISSUE_TEMPLATE/{form}")["body"]}


def test_links_to_a_form_lead_to_one() -> None:
    pages = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "FORMAT.md",
        *sorted((ROOT / "book").glob("*.md")),
    ]
    links = [
        link for page in pages for link in re.findall(r"issues/new[^)\s]*", page.read_text("utf8"))
    ]
    assert links
    assert all((FORMS / form_of(link)[0]).is_file() for link in links), links


# -- versions ---------------------------------------------------------------------------------


def test_dependabot_leaves_jupyter_book_below_2() -> None:
    (pip,) = (one for one in load(".github/dependabot.yml")["updates"] if "pip" in one.values())
    held = {one["dependency-name"]: one["versions"] for one in pip["ignore"]}
    refused = SpecifierSet(",".join(held["jupyter-book"]))
    assert refused.contains("2.0.0") and refused.contains("2.1.0b1", prereleases=True)
    assert not refused.contains("1.1.0")
    (wanted,) = (one for one in ABOUT["optional-dependencies"]["book"] if "jupyter-book" in one)
    assert "<2" in wanted
    pinned = dict(line.split("==") for line in (ROOT / "requirements.txt").read_text().split())
    for name, versions in held.items():  # whatever is held is held where it stands
        (version,) = (pinned[one] for one in pinned if one.lower() == name)
        assert not SpecifierSet(",".join(versions)).contains(version), name


def test_citation_and_licences_say_what_the_package_says() -> None:
    citation = load("CITATION.cff")
    assert citation["version"] == d2lcompute.__version__
    assert citation["license"] == ["MIT", "CC-BY-4.0"]
    assert ABOUT["license"] == "MIT"
    licence = (ROOT / "LICENSE").read_text("utf8")
    assert "MIT License" in licence
    assert "https://creativecommons.org/licenses/by/4.0/" in licence


# -- hooks ------------------------------------------------------------------------------------


def hooks() -> dict[str, str]:
    (local,) = load(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"  # nothing to fetch
    return {hook["id"]: hook["entry"] for hook in local["hooks"]}


def run_by(target: str) -> str:
    """The commands of a make target, as make would run them."""
    command = ["make", "--dry-run", "--always-make", target]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_hooks_are_the_targets_that_decide() -> None:
    assert hooks() == {"lint": "make lint", "check-notebooks": "make check-notebooks"}
    lint = run_by("lint")
    tools = ("/ruff check", "/ruff format --check", "/mypy", "/lint-imports")
    assert all(tool in lint for tool in tools)
    assert "/editions check" in run_by("check-notebooks")


@pytest.fixture
def clone(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A repository with our hooks, and our environment under a name that make takes for its own."""
    root = tmp_path / "clone"
    root.mkdir()
    for name in (".pre-commit-config.yaml", "Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, root)
    shutil.copytree(ROOT / ".ci", root / ".ci")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    venv = tmp_path / "venv"
    venv.mkdir()
    (venv / "bin").symlink_to(Path(sys.executable).parent)
    for stamp in ("python", "book", "full"):
        (venv / stamp).touch()
    # mypy and import-linter have nothing to look at here, so they are not asked.
    types = " && \\\n\t$(BIN)/mypy --no-error-summary && $(BIN)/lint-imports --no-logo --no-cache"
    text = (root / "Makefile").read_text("utf8")
    assert types in text
    text = text.replace(types, "")
    (root / "Makefile").write_text(text, "utf8")
    return root, {**os.environ, "VENV": str(venv), "PRE_COMMIT_HOME": str(tmp_path / "cache")}


@pytest.mark.slow
@pytest.mark.parametrize(("code", "passes"), [("x = 1\n", True), ("x=1\n", False)])
def test_the_hook_stops_what_lint_refuses(
    code: str, passes: bool, clone: tuple[Path, dict[str, str]]
) -> None:
    root, environment = clone
    (root / "module.py").write_text(code, "utf8")
    subprocess.run(["git", "add", "--all"], cwd=root, check=True)
    command = [sys.executable, "-m", "pre_commit", "run", "lint", "--all-files"]
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) is passes, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def f(x: int) -> int:\n    return x\n", ""),
        ("def f(x: int) -> str:\n    return x\n", "return-value"),
        ("def f(x):\n    return x\n", "no-untyped-def"),
    ],
)
def test_types_are_checked_strictly(code: str, said: str, tmp_path: Path) -> None:
    """With our settings, on a package of the same name."""
    package = tmp_path / "d2lcompute"
    package.mkdir()
    (package / "__init__.py").write_text(code, "utf8")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    command = [sys.executable, "-m", "mypy", "-p", "d2lcompute"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is (said == ""), done.stdout + done.stderr
    assert said in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("module", "passes"), [("torch", True), ("keras", True), ("jax", False)])
def test_types_are_checked_without_a_framework(module: str, passes: bool, tmp_path: Path) -> None:
    """A book may leave out a framework, which is then not installed."""
    (tmp_path / "d2lcompute").mkdir()
    (tmp_path / "d2lcompute" / "__init__.py").write_text(f"import {module}\n", "utf8")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    command = [sys.executable, "-m", "mypy", "-p", "d2lcompute", "--no-site-packages"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is passes, done.stdout + done.stderr
    assert passes or "import-not-found" in done.stdout


@pytest.mark.parametrize("package", ["d2lcompute", "exercises/d2lexercises"])
def test_the_package_says_that_it_has_types(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


# -- the dev container --------------------------------------------------------------------------


def help_of(command: str) -> str:
    """What `editions COMMAND --help` prints."""
    shown = [Path(sys.executable).with_name("editions"), command, "--help"]
    return subprocess.run(shown, capture_output=True, text=True, check=True).stdout


def test_the_dev_container_builds_the_book_with_a_python_that_we_support() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf8"))
    version = re.fullmatch(r"python:(3\.\d+)-\w+", container["image"])
    assert version and SpecifierSet(ABOUT["requires-python"]).contains(version[1])
    called = re.findall(r"make ([a-z-]+)", container["postCreateCommand"])
    assert called and set(called) <= TARGETS
    assert "--security-opt=seccomp=unconfined" in container["runArgs"]  # for the sandbox
    port = re.search(r"--port PORT\s+default: (\d+)", help_of("serve"))
    assert port and container["forwardPorts"] == [int(port[1])]


# -- changelog ----------------------------------------------------------------------------------


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf8")
    first, *older = re.findall(r"(?m)^## (.+)$", text)
    assert first == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", one) for one in older)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"(?m)^### (.+)$", text)) <= kinds


# -- commands that are written down ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "FORMAT.md", "CHANGELOG.md"])
def test_the_targets_it_names_exist(name: str) -> None:
    text = (ROOT / name).read_text("utf8")
    named = set(re.findall(r"(?m)(?:^|`)make ([a-z][a-z-]*)", text))
    assert named <= TARGETS, named - TARGETS


PAGES = [*(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "FORMAT"))]
PAGES += sorted((ROOT / "book").glob("*.md"))


def test_make_lists_every_target_that_a_page_names() -> None:
    listed = set(re.findall(r"(?m)^([a-z-]+):.*## ", (ROOT / "Makefile").read_text("utf8")))
    texts = [page.read_text("utf8") for page in PAGES]
    named = {one for text in texts for one in re.findall(r"(?m)(?:^|`)make ([a-z][a-z-]*)", text)}
    assert "check-notebooks" in named
    assert named <= listed, named - listed


def test_make_knows_every_setting_that_a_page_or_a_message_shows() -> None:
    typed = re.search(r"(?m)^TYPED := ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text("utf8"))
    assert typed
    code = [*(ROOT / "exercises").rglob("*.py"), *(ROOT / "book" / "_ext").rglob("*.py")]
    steps = [*(ROOT / ".ci").iterdir(), *(ROOT / ".github" / "workflows").iterdir()]
    texts = [path.read_text("utf8") for path in (*PAGES, *code, *steps)]
    commands = [one for text in texts for one in re.findall(r"(?<![\w-])make [^`\n#;]*", text)]
    shown = {name for one in commands for name in re.findall(r"\b([A-Z][A-Z_]+)=", one)}
    assert {"DEADLINE", "TORCH_INDEX"} <= shown <= set(typed[1].split()), shown


# -- the tables of modules -------------------------------------------------------------------------

TABLES = [
    *sorted(ROOT.glob("book/_ext/editions/*/__init__.py")),
    *sorted(ROOT.glob("exercises/grader/*/__init__.py")),
    ROOT / "exercises" / "d2lexercises" / "__init__.py",
]


def unlisted(docstring: str, modules: set[str]) -> set[str]:
    """Modules that a table lacks, and entries of it that are no modules."""
    return modules ^ set(re.findall(r"(?m)^``(\w+)``", docstring))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.parent.name)
def test_a_package_lists_its_modules(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf8"))) or ""
    parts = [one for one in path.parent.iterdir() if one.suffix == ".py" or one.is_dir()]
    modules = {one.stem for one in parts if not one.name.startswith("__")}
    assert unlisted(docstring, modules) == set()
    assert unlisted(docstring, {*modules, "forgotten"}) == {"forgotten"}
