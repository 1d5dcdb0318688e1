"""The workflows are valid, and do what a person types."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from editions.base.frameworks import FRAMEWORKS
from editions.base.project import Project
from editions.site.build import COMMAND
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text("utf8")
TARGETS = set(re.findall(r"(?m)^([a-z-]+):", MAKEFILE))
VARIABLES = set(re.findall(r"\b[A-Z_]{4,}\b", MAKEFILE))


def is_valid(path: Path) -> bool:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    done = subprocess.run(
        [*command, "vendor.github-workflows", str(path)], capture_output=True, check=False
    )
    return done.returncode == 0


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_valid(path: Path) -> None:
    assert is_valid(path)


def test_an_invalid_workflow_is_found(tmp_path: Path) -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf8")
    broken = tmp_path / "broken.yml"
    broken.write_text(text.replace("runs-on:", "run-on:"), "utf8")
    assert not is_valid(broken)


def test_all_four_are_there() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "gpu", "site", "weekly"]


def problems(workflow: dict) -> list[str]:
    """What is wrong with a workflow, beyond what its schema says."""
    found = []
    jobs = workflow["jobs"]
    steps = [step for job in jobs.values() for step in job.get("steps", [])]
    called = [
        target
        for step in steps
        for target in re.findall(r"(?m)\bmake ([a-z-]+)", step.get("run", ""))
    ]
    if not called:
        found.append("it calls no target of the Makefile")
    found += [f"there is no target {target}" for target in called if target not in TARGETS]
    if workflow.get("permissions") != {"contents": "read"}:
        found.append("permissions of the whole are more than to read")
    found += [
        f"{name}: no time limit" for name, job in jobs.items() if "timeout-minutes" not in job
    ]
    for step in steps:
        run = step.get("run", "")
        named = set(re.findall(r"\b([A-Z_]{4,})=", run)) - VARIABLES
        found += [f"the Makefile has no variable {name}" for name in sorted(named)]
        if "| tee" in run and step.get("shell") != "bash":
            found.append("a failure is lost in a pipe: shell: bash")
        if step.get("continue-on-error"):
            found.append("a failure is ignored")
        if "upload-artifact" in step.get("uses", "") and "path" not in step.get("with", {}):
            found.append("an artefact without a path")
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_it_does_what_a_person_types(path: Path) -> None:
    assert problems(read(path.stem)) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("ci", "make test ", "pytest ", "calls no target"),
        ("ci", "make test ", "make tests ", "no target tests"),
        ("ci", "TORCH_INDEX=", "TORCH_INDICES=", "no variable TORCH_INDICES"),
        ("ci", "contents: read", "contents: write", "more than to read"),
        ("ci", "    timeout-minutes: 90\n", "", "cpu: no time limit"),
        ("gpu", "        shell: bash", "        name2: x", "lost in a pipe"),
        ("gpu", "- name: Test\n", "- name: Test\n        continue-on-error: true\n", "is ignored"),
    ],
)
def test_what_is_wrong_is_found(name: str, old: str, new: str, message: str) -> None:
    text = (FOLDER / f"{name}.yml").read_text("utf8")
    assert old in text
    assert any(message in one for one in problems(yaml.safe_load(text.replace(old, new))))


def read(name: str) -> dict:
    return yaml.safe_load((FOLDER / f"{name}.yml").read_text("utf8"))


def runs(job: dict) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def kept(job: dict) -> str:
    return "\n".join(step["with"].get("path", "") for step in job["steps"] if "with" in step)


def test_ci_runs_every_python_that_is_supported() -> None:
    (job,) = read("ci")["jobs"].values()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    supported = SpecifierSet(project["requires-python"])
    script = (ROOT / ".ci" / "environment.sh").read_text("utf8")
    pythons = re.search(r'case "\$1" in (3\.\d+(?: \| 3\.\d+)*)\)', script)[1].split(" | ")
    assert job["strategy"]["matrix"]["python"] == pythons
    assert pythons[0] in supported and "3.10" not in supported
    assert job["strategy"]["fail-fast"] is False
    assert "apparmor_restrict_unprivileged_userns=0" in runs(job)
    assert "make test TORCH_INDEX=https://download.pytorch.org/whl/cpu" in runs(job)
    for folder in ("html", "verification", "differences"):
        assert f"_build/{folder}\n" in kept(job)


def test_every_cache_is_keyed_on_the_environment() -> None:
    for path in WORKFLOWS:
        for job in read(path.stem)["jobs"].values():
            for step in job["steps"]:
                if "setup-python" in step.get("uses", ""):
                    given = step["with"]
                    assert given["cache"] == "pip"
                    named = given["cache-dependency-path"].split()
                    assert named == ["pyproject.toml", "requirements.txt"]


def test_the_gpu_runner_is_named_in_one_place() -> None:
    workflow = read("gpu")
    (job,) = workflow["jobs"].values()
    assert job["runs-on"] == "${{ vars.GPU_RUNNER }}"
    assert job["if"] == "vars.GPU_RUNNER != ''"
    assert "strategy" not in job  # one kernel at a time on a card
    assert workflow["concurrency"]["group"] == "gpu"
    assert "pull_request" not in workflow[True]  # YAML's word for "on"
    assert "make test-gpu TORCH_INDEX=" in runs(job)  # all frameworks of the book
    assert "GITHUB_STEP_SUMMARY" in runs(job)
    for part in (
        "book/recorded/gpu",
        "book/notebooks/gpu",
        "_build/verification",
        "_build/differences",
    ):
        assert part in kept(job)
    others = [read(path.stem)["jobs"] for path in WORKFLOWS if path.stem != "gpu"]
    assert {job["runs-on"] for jobs in others for job in jobs.values()} == {"ubuntu-24.04"}


# What GitHub needs that names a framework, and does no harm in a book without it.
NAMES = {
    "dependabot.yml": r"\[torch, tensorflow, keras, numpy, matplotlib\]",  # kept together
    "ci.yml": "TORCH_INDEX=https://download.pytorch.org/whl/cpu",  # an index to look in, too
    "site.yml": "TORCH_INDEX=https://download.pytorch.org/whl/cpu",
    "weekly.yml": "TORCH_INDEX=https://download.pytorch.org/whl/cpu",
    "gpu.yml": "TORCH_INDEX=|GPU_TORCH_INDEX|index of PyTorch builds",
}


def to_be_edited(name: str, text: str) -> list[str]:
    """What in a file of `.github` a fork with other settings would have to change."""
    words = [word for one in FRAMEWORKS.values() for word in (one.key, *one.roots)]
    settings = "|".join(
        [*words, re.escape(Project(ROOT).repository), "github.com/[^/ ]+/d2lcompute"]
    )
    text = re.sub(r"(?m)uses: .*", "", text)
    return re.findall(rf"(?i){settings}", re.sub(NAMES.get(name, "$^"), "", text))


@pytest.mark.parametrize(
    "path",
    [one for one in sorted((ROOT / ".github").rglob("*")) if one.is_file()],
    ids=lambda path: path.name,
)
def test_a_fork_need_not_edit_it(path: Path) -> None:
    text = path.read_text("utf8")
    assert to_be_edited(path.name, text) == []
    assert to_be_edited(path.name, f"{text}\noptions: [Both, PyTorch]") == ["PyTorch"]
    assert to_be_edited(path.name, f"{text}\nurl: {Project(ROOT).repository}")


def test_the_site_is_published_from_main_only_and_verified() -> None:
    jobs = read("site")["jobs"]
    assert "make site" in runs(jobs["build"])
    assert jobs["publish"]["needs"] == "build"
    assert jobs["publish"]["if"] == "github.ref == 'refs/heads/main'"
    assert "make book" in runs(jobs["preview"])
    assert jobs["preview"]["if"] == "github.event_name == 'pull_request'"
    assert "_build/verification" in kept(jobs["build"])
    writing = [name for name, job in jobs.items() if "write" in str(job.get("permissions", ""))]
    assert writing == ["publish"]


def test_a_warning_fails_the_build() -> None:
    assert "--warningiserror" in COMMAND
    assert "--nitpick" in COMMAND


def test_the_weekly_run() -> None:
    workflow = read("weekly")
    jobs = workflow["jobs"]
    assert "schedule" in workflow[True]
    assert "make links" in runs(jobs["links"])
    chosen = [one["versions"] for one in jobs["versions"]["strategy"]["matrix"]["include"]]
    assert chosen == ["newest", "floors"]
    assert "make test-versions VERSIONS=${{ matrix.versions }}" in runs(jobs["versions"])
    assert "make test-full TORCH_INDEX=" in runs(jobs["full"])
    assert "_build/weekly.log" in kept(jobs["full"])
    assert (jobs["report"]["needs"], jobs["report"]["if"]) == ([*jobs][:-1], "failure()")
    assert "make report MOVED=moved" in runs(jobs["report"])
    assert jobs["report"]["permissions"]["issues"] == "write"
