"""Every command of the pages for teachers, typed in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from editions.base.project import Project
from editions.exercises.exercise_files import find_exercises
from editions.source.chapter import read_chapter

from d2lcompute.checks import questions

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "grader"))
LEFT = (".git", ".venv", "_build", "build", "dist", "*.egg-info", "__pycache__", ".*_cache")
STAMPS = ("python", "book", "full", "pdf", "lab")  # what is installed already


def sections(page: str) -> dict[str, list[str]]:
    """The commands of a page under each heading of it."""
    found: dict[str, list[str]] = {}
    text = (ROOT / "book" / page).read_text("utf8")
    for part in re.split(r"(?m)^#+ ", text)[1:]:
        blocks = re.findall(r"(?ms)^```bash\n(.*?)^```", part)
        if blocks:
            found[part.splitlines()[0]] = [c for block in blocks for c in block.splitlines() if c]
    return found


class Copy:
    """A copy of the project, in which a teacher types."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*LEFT))
        for name in (".venv", ".venv-gpu-pytorch", ".venv-gpu-tensorflow"):
            (root / name).symlink_to(sys.prefix)
        tools = root.parent / "tools"
        tools.mkdir()
        made = " ".join(f"-o .venv/{stamp}" for stamp in STAMPS)
        make = shutil.which("make")
        (tools / "make").write_text(f'#!/bin/sh\nexec {make} {made} "$@"\n')
        (tools / "make").chmod(0o755)
        self.environment = {
            **{key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "XDG_DATA_HOME": str(root.parent / "data"),
            "PYTHONSAFEPATH": "",
            **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "A Teacher"),
            **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "teacher@example.org"),
        }
        for command in ("git init -q", "git add .", "git commit -q -m start"):
            assert self.type(command)[0] == 0

    def type(self, command: str) -> tuple[int, str]:
        """Exit status and what was printed."""
        done = subprocess.run(
            command, shell=True, cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def follow(self, commands: list[str]) -> list[str]:
        """Type commands that must all succeed; what each printed."""
        printed = []
        for command in commands:
            status, said = self.type(command)
            assert status == 0, f"{command}\n{said[-3000:]}"
            printed.append(said)
        return printed

    def page(self, name: str) -> str:
        return (self.root / "_build" / "html" / "book" / f"{name}.html").read_text("utf8")

    def hand_in(self) -> None:
        """An archive of two submissions, as a course's system gives it out."""
        from otter_tools import honest_class

        with zipfile.ZipFile(self.root / "submissions.zip", "w") as archive:
            for number, content in enumerate(honest_class("pytorch", 2), 1001):
                archive.writestr(f"student{number}_{number}_{number + 4000}_blocks.ipynb", content)


def _yours(copy: Copy, commands: list[str]) -> None:
    copy.follow(commands)
    for name in ("blocks", "index", "setup"):
        assert "github.com/you/your-course" in copy.page(name)
        assert "github.com/d2lcompute" not in copy.page(name)
    assert "https://you.github.io/your-course/book/blocks.html" in copy.page("blocks")


def _chosen(copy: Copy, commands: list[str]) -> None:
    copy.follow(commands)
    pages = copy.root / "_build" / "html" / "book"
    assert (pages / "gpus.html").is_file()
    assert not (pages / "multi-gpu.html").exists() and not (pages / "graphs.html").exists()
    assert "multi-gpu.html" not in copy.page("index") + copy.page("teaching")


def _alone(copy: Copy, commands: list[str]) -> None:
    copy.follow(commands)
    assert os.listdir(copy.root / "_build" / "html" / "notebooks" / "cpu") == ["pytorch"]
    assert os.listdir(copy.root / "_build" / "exercises") == ["exercises-pytorch.zip"]
    assert 'data-framework="tensorflow"' not in copy.page("blocks")


def _chapter(copy: Copy, commands: list[str]) -> None:
    copy.follow(commands)
    assert "Graph networks" in copy.page("graph-networks")
    assert "A draft" in copy.page("graph-networks")


def _term(copy: Copy, commands: list[str]) -> None:
    copy.follow(commands)
    assert "/blob/spring-2027/book/notebooks/" in copy.page("blocks")
    assert copy.type("git tag --points-at HEAD")[1].strip() == "spring-2027"


def _exercises(copy: Copy, commands: list[str]) -> None:
    copy.hand_in()
    private = copy.root / "my-questions"
    private.mkdir()
    shutil.copyfile(ROOT / "exercises" / "blocks.md", private / "blocks.md")
    shutil.copyfile(ROOT / "d2lcompute" / "checks" / "blocks.py", private / "blocks.py")
    copy.follow(commands)
    for framework in ("pytorch", "tensorflow"):
        with zipfile.ZipFile(copy.root / f"_build/exercises/exercises-{framework}.zip") as archive:
            names = archive.namelist()
            assert f"exercises-{framework}/blocks.ipynb" in names
            text = archive.read(f"exercises-{framework}/blocks.ipynb").decode()
        assert "sequential-solution" not in text
        assert (copy.root / "_build" / "solutions" / framework / "blocks.ipynb").is_file()


def _published(copy: Copy, commands: list[str]) -> None:
    copy.follow(commands)
    made = sorted(path.name for path in (copy.root / "_build" / "pdf").iterdir())
    title = "deep-learning-computation"
    assert made == [f"{title}-pytorch.pdf", f"{title}-tensorflow.pdf"]


def _on_a_gpu(copy: Copy, commands: list[str]) -> None:
    copy.environment["CUDA_VISIBLE_DEVICES"] = "-1"  # as on a machine that has none
    for command in commands:
        status, said = copy.type(command)
        assert status != 0 and "sees no GPU" in said, f"{command}\n{said[-2000:]}"


def _asked(copy: Copy, commands: list[str]) -> None:
    copy.hand_in()
    (copy.root / "class.csv").write_text("ID,Name\n1001,Ada\n1002,Ben\n1003,Cleo\n")
    printed = dict(zip(commands, copy.follow(commands), strict=True))
    table = next(said for command, said in printed.items() if " show " in command)
    assert "Ada" in table and "35 of 35" in table
    graded = next(said for command, said in printed.items() if "--roster" in command)
    assert "Cleo" in graded  # who handed in nothing
    exported = next(said for command, said in printed.items() if " export " in command)
    assert "Ada" in exported and "35" in exported
    assert (copy.root / "reports").is_dir()


FOLLOWED: dict[str, dict[str, Callable[[Copy, list[str]], None]]] = {
    "teaching.md": {
        "Make it yours": _yours,
        "Choose chapters": _chosen,
        "One framework only": _alone,
        "Add a chapter": _chapter,
        "Hold still for a term": _term,
        "Hand out exercises, and grade": _exercises,
        "Publish": _published,
        "On a GPU": _on_a_gpu,
    },
    "grading.md": {"Grading": _asked},
}


@pytest.mark.parametrize("page", FOLLOWED)
def test_every_command_is_followed(page: str) -> None:
    assert set(sections(page)) == set(FOLLOWED[page])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "section"), [(page, name) for page in FOLLOWED for name in FOLLOWED[page]]
)
def test_the_commands_do_what_the_page_says(page: str, section: str, tmp_path: Path) -> None:
    FOLLOWED[page][section](Copy(tmp_path / "copy"), sections(page)[section])


def test_the_table_of_the_course_is_right() -> None:
    """Titles, hours as each chapter's head has them, points as its questions give them."""
    text = (ROOT / "book" / "teaching.md").read_text("utf8")
    rows = re.findall(r"(?m)^\| \[(.+?)\]\((.+?)\.md\) \|.*\| (\S+) \| (.+?) \|$", text)
    project = Project(ROOT)
    chapters = [path for path in project.chapters if not read_chapter(path).draft]
    listed = [row for row in rows if (ROOT / "book" / f"{row[1]}.md").resolve() in project.pages]
    assert [row[1] for row in listed] == [path.stem for path in chapters]
    having = {exercises.name for exercises in find_exercises(project)}
    for (title, name, hours, points), path in zip(listed, chapters, strict=True):
        chapter = read_chapter(path)
        assert title == chapter.title
        head = next(cell.source for cell in chapter.cells if "**Time:**" in cell.source)
        assert ("an hour and a half" in head) == (hours == "1½")
        total = sum(one.points for one in questions(name).values()) if name in having else 0
        assert points == (f"{total} points" if total else "–")
