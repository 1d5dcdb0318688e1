"""Every command of the pages for teachers, typed in a copy of the project."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path

import pytest
from copies import copy_of_the_project, leave_out_chapters
from d2lexercises import questions
from editions.base.project import Project
from editions.exercises.exercise_files import find_exercises
from editions.source.chapter import read_chapter
from editions.source.page_template import fill_in
from left_out import CHAPTERS, CHOSEN, EXAMPLE

ROOT = Path(__file__).parents[1]
PROJECT = Project(ROOT)
sys.path[:0] = [str(ROOT / "tests" / "grader"), str(ROOT / "tests" / "exercises")]
STAMPS = ("python", "book", "full", "pdf", "lab")  # what is installed already


def sections(page: str) -> dict[str, list[str]]:
    """The commands of a page under each heading of it."""
    found: dict[str, list[str]] = {}
    path = ROOT / "book" / page
    text = fill_in(PROJECT, path.read_text("utf8"), path)
    for part in re.split(r"(?m)^#+ ", text)[1:]:
        blocks = re.findall(r"(?ms)^```bash\n(.*?)^```", part)
        if blocks:
            found[part.splitlines()[0]] = [c for block in blocks for c in block.splitlines() if c]
    return found


def installed_environment(folder: Path) -> None:
    """This environment under another name, all of it installed just now: make changes nothing."""
    folder.mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.name not in STAMPS:
            (folder / part.name).symlink_to(part)
    for stamp in STAMPS:
        (folder / stamp).touch()


class Copy:
    """A copy of the project with some of its chapters, in which a teacher types."""

    def __init__(self, root: Path, chapters: Collection[str]) -> None:
        self.root = copy_of_the_project(root)
        self.chapters = [name for name in CHAPTERS if name in chapters]
        leave_out_chapters(root, set(CHAPTERS) - set(chapters))
        for name in (".venv", *(f".venv-gpu-{key}" for key in CHOSEN)):
            installed_environment(root / name)
        self.environment = {
            **{key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "XDG_DATA_HOME": str(root.parent / "data"),
            "PYTHONSAFEPATH": "",
            **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "A Teacher"),
            **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "teacher@example.org"),
        }
        self.follow(["git init -q -b main", "git add .", "git commit -q -m start"])

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

    def notebooks(self, root: Path) -> list[str]:
        """The text of every notebook of the book, and of the exercises, in a checkout."""
        paths = [
            root / folder / key / f"{name}.ipynb"
            for folder in ("book/notebooks/cpu", "exercises/notebooks")
            for key in CHOSEN
            for name in self.chapters
        ]
        return [path.read_text("utf8") for path in paths if path.is_file()]

    def handed_out(self) -> list[str]:
        """The text of every notebook in the archives for students."""
        found = []
        for path in sorted((self.root / "_build" / "exercises").glob("*.zip")):
            with zipfile.ZipFile(path) as archive:
                found += [archive.read(name).decode() for name in archive.namelist()]
        return found

    @property
    def installed(self) -> Path:
        """Where `pip` installs, for a student."""
        return self.root.parent / "installed"

    def serve(self) -> None:
        """Make git take a repository of this machine for the one that `_config.yml` names."""
        origin = self.root.parent / "origin.git"
        self.environment |= {
            "PIP_TARGET": str(self.installed),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{origin.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": PROJECT.repository,
        }
        self.follow(
            [f"git init -q --bare -b main {origin}", f"git remote add origin {PROJECT.repository}"]
        )

    def typed_in_wheels(self) -> dict[str, str]:
        """What `py.typed` holds in each wheel that the site serves, by branch or tag."""
        found = {}
        for path in (self.root / "_build" / "html" / "wheels").rglob("*.whl"):
            with zipfile.ZipFile(path) as wheel:
                found[path.parent.name] = wheel.read("d2lcompute/py.typed").decode()
        return found

    def clone(self, tag: str) -> Path:
        """A new checkout of a tag of the repository that is served."""
        folder = self.root.parent / tag
        self.follow([f"git clone -q --branch {tag} {PROJECT.repository} {folder}"])
        return folder

    def hand_in(self) -> None:
        """An archive of two submissions, as a course's system gives it out."""
        from otter_tools import honest_class

        with zipfile.ZipFile(self.root / "submissions.zip", "w") as archive:
            for number, content in enumerate(honest_class(CHOSEN[0], 2), 1001):
                archive.writestr(f"student{number}_{number}_{number + 4000}_blocks.ipynb", content)


def _yours(copy: Copy, commands: list[str]) -> None:
    copy.follow(commands)
    for name in (EXAMPLE, "index", "setup"):
        assert "github.com/you/your-course" in copy.page(name)
        assert PROJECT.repository not in copy.page(name)
    assert f"https://you.github.io/your-course/book/{EXAMPLE}.html" in copy.page(EXAMPLE)
    for text in copy.notebooks(copy.root):
        assert "https://you.github.io/your-course/wheels/main/d2lcompute-" in text
        assert PROJECT.repository not in text and PROJECT.site not in text


def _chosen(copy: Copy, commands: list[str]) -> None:
    edit, *others = commands
    copy.follow([edit])
    toc = copy.root / "_toc.yml"  # with a part that has no page left
    empty = r"(?m)^ *- caption: .*\n +chapters:\n(?! *- file)"
    text = re.sub(empty, "", toc.read_text("utf8"))
    toc.write_text(text, "utf8")
    copy.follow(others)
    pages = copy.root / "_build" / "html" / "book"
    kept = [name for name in copy.chapters if name not in ("multi-gpu", "graphs")]
    assert kept and all((pages / f"{name}.html").is_file() for name in kept)
    assert not (pages / "multi-gpu.html").exists() and not (pages / "graphs.html").exists()
    assert "multi-gpu.html" not in copy.page("index") + copy.page("teaching")
    for key in CHOSEN:
        with zipfile.ZipFile(copy.root / f"_build/exercises/exercises-{key}.zip") as archive:
            handed_out = {Path(name).stem for name in archive.namelist()}
        assert handed_out and handed_out <= set(kept)


def _alone(copy: Copy, commands: list[str]) -> None:
    copy.follow(commands)
    first, *dropped = PROJECT.frameworks
    assert os.listdir(copy.root / "_build" / "html" / "notebooks" / "cpu") == [first.key]
    assert os.listdir(copy.root / "_build" / "exercises") == [f"exercises-{first.key}.zip"]
    for one in dropped:
        assert f'data-framework="{one.key}"' not in copy.page(EXAMPLE)
        assert first.title in copy.page("setup") and one.title not in copy.page("setup")
        assert one.title not in copy.page("index")
    installed = copy.follow(["editions frameworks --extras"])
    assert installed == [",".join(first.extras) + "\n"]


def _chapter(copy: Copy, commands: list[str]) -> None:
    copy.follow(commands)
    assert "Graph networks" in copy.page("graph-networks")
    assert "A draft" in copy.page("graph-networks")


def _term(copy: Copy, commands: list[str]) -> None:
    copy.serve()
    second = next(n for n, command in enumerate(commands) if "spring-2027-2" in command)
    copy.follow(commands[:second])
    assert "/blob/spring-2027/book/notebooks/" in copy.page(EXAMPLE)
    assert f"{PROJECT.site}wheels/spring-2027/d2lcompute-" in html.unescape(copy.page("setup"))
    (began,) = copy.follow(["git ls-remote origin spring-2027 main"])
    assert len(set(re.findall(r"(?m)^\w+", began))) == 1  # the tag and what the site shows
    taught = copy.clone("spring-2027")
    assert _other_states(copy.notebooks(taught) + copy.handed_out(), "spring-2027") == set()

    page = copy.root / "book" / f"{EXAMPLE}.md"
    page.write_text(page.read_text("utf8").replace("\n## Summary\n", "\n## Summary\n\nMended.\n"))
    (copy.root / "d2lcompute" / "py.typed").write_text("mended")
    *corrected, install = commands[second:]
    copy.follow(corrected)
    copy.follow(["make book"])  # as site.yml does
    published = f"{(copy.root / '_build' / 'html').as_uri()}/"
    assert PROJECT.site in install
    copy.follow([install.replace(PROJECT.site, published)])
    mended = copy.clone("spring-2027-2")
    assert _other_states(copy.notebooks(mended) + copy.handed_out(), "spring-2027-2") == set()
    assert any("Mended." in text for text in copy.notebooks(mended))
    assert (copy.installed / "d2lcompute" / "py.typed").read_text() == "mended"
    assert copy.typed_in_wheels() == {"spring-2027": "", "spring-2027-2": "mended"}
    (tag,) = copy.follow(["git ls-remote origin spring-2027"])
    assert tag in began  # what students opened before is as it was
    assert _other_states(copy.notebooks(taught), "spring-2027-2") == {"spring-2027"}


def _other_states(notebooks: list[str], tag: str) -> set[str]:
    """The branches and tags, but for `tag`, to which set-up cells and links of notebooks lead."""
    installed = rf"{re.escape(PROJECT.site)}wheels/([^/]+)/"
    linked = (
        rf"(?:{re.escape(PROJECT.repository)}/(?:blob|raw|tree)|githubusercontent\.com/[^/]+/[^/]+)"
    )
    found = [re.findall(rf"{installed}|{linked}/([^/\s)]+)/", text) for text in notebooks]
    assert found and all(found)  # each has a set-up cell
    return {state for pairs in found for pair in pairs for state in pair if state} - {tag}


def _exercises(copy: Copy, commands: list[str]) -> None:
    copy.hand_in()
    private = copy.root / "my-questions"
    shutil.copytree(ROOT / "exercises" / "chapters" / "blocks", private / "blocks")
    assert copy.follow(["git status --porcelain my-questions"]) == [""]  # never pushed by accident
    copy.follow(commands)
    for framework in CHOSEN:
        with zipfile.ZipFile(copy.root / f"_build/exercises/exercises-{framework}.zip") as archive:
            names = archive.namelist()
            assert f"exercises-{framework}/blocks.ipynb" in names
            text = archive.read(f"exercises-{framework}/blocks.ipynb").decode()
        assert "sequential-solution" not in text
        assert (copy.root / "_build" / "solutions" / framework / "blocks.ipynb").is_file()


def _published(copy: Copy, commands: list[str]) -> None:
    copy.follow(commands)
    made = sorted(path.name for path in (copy.root / "_build" / "pdf").iterdir())
    title = "-".join(re.findall(r"[a-z0-9]+", PROJECT.config["title"].lower()))
    assert made == sorted(f"{title}-{key}.pdf" for key in CHOSEN)


def _on_a_gpu(copy: Copy, commands: list[str]) -> None:
    copy.environment["CUDA_VISIBLE_DEVICES"] = "-1"  # as on a machine that has none
    for command in commands:
        status, said = copy.type(command)
        assert status != 0 and "sees no GPU" in said, f"{command}\n{said[-2000:]}"


def _graded(copy: Copy, commands: list[str]) -> None:
    """All of the page, from the hand-out to the marks."""
    copy.hand_in()
    with zipfile.ZipFile(copy.root / "submissions.zip", "a") as archive:
        content = archive.read("student1001_1001_5001_blocks.ipynb")
        archive.writestr(zipfile.ZipInfo("final version.ipynb", (2027, 3, 2, 9, 0, 0)), content)
    (copy.root / "class.csv").write_text("ID,Name\n1001,Ada\n1002,Ben\n1003,Cleo\n1004,Dan\n")
    headings = "Identifier,Full name,Grade,Last modified (grade),Feedback comments\n"
    (copy.root / "worksheet.csv").write_text(f"{headings}Participant 1003,Cleo,,-,\n")
    status, said = {}, {}
    for command in commands:
        status[command], said[command] = copy.type(command)
        open_file = "--deadline" in command  # which nobody in the roster matches yet
        assert status[command] == int(open_file), f"{command}\n{said[command][-3000:]}"
    assert (copy.root / f"_build/exercises/exercises-{CHOSEN[0]}.zip").is_file()

    def printed(part: str) -> str:
        return next(text for command, text in said.items() if part in command)

    first = printed("--deadline")
    assert "final version.ipynb: nobody in the roster matches" in first
    assert "nothing handed in: Cleo (1003)" in first and "nothing handed in: Dan (1004)" in first
    again = said[".venv/bin/grader grade submissions.zip --roster class.csv"]
    assert "final version.ipynb" not in again and "Cleo (1003)" not in again
    assert "56 of 56" in printed(" show ") and "Ada" in printed(" show ")
    for name, part in (
        ("by-hand.csv", "1004,Dan,blocks.sequential"),
        ("canvas.csv", "Section,Blocks (4711)"),
        ("moodle.csv", "Participant 1003,Cleo,56,-,"),
        ("marks.csv", "nothing handed in"),
        ("statistics/alike.csv", "other name"),
    ):
        assert part in (copy.root / name).read_text("utf-8-sig"), name
    with zipfile.ZipFile(copy.root / "reports" / "blocks-canvas.zip") as archive:
        assert "student1002_1002_5002_blocks.html" in archive.namelist()
    assert len(list((copy.root / "reports").glob("*.html"))) == 3


def _written(copy: Copy, commands: list[str]) -> None:
    *_, tried = copy.follow(commands)
    assert "in order, on 4 seeds: blocks" in tried
    folder = copy.root / "my-questions" / "blocks"
    files = {"question.py", "right.py", "text.md", "wrong.py"}
    assert {path.name for path in folder.iterdir() if path.is_file()} == files


def _written_for_words(copy: Copy, commands: list[str]) -> None:
    copy.follow(commands)
    folder = copy.root / "my-questions" / "blocks"
    assert {path.name for path in folder.iterdir() if path.is_file()} == {"question.py", "text.md"}


def _tried(copy: Copy, commands: list[str]) -> None:
    copy.follow(["make new-question NAME=blocks.scaled PRIVATE=my-questions"])
    few, many, one, _ = copy.follow(commands)
    assert "in order, on 4 seeds: blocks" in few and "in order, on 61 seeds: blocks" in many
    assert "in order, on 1 seed: blocks" in one
    for framework in CHOSEN:
        with zipfile.ZipFile(copy.root / f"_build/exercises/exercises-{framework}.zip") as archive:
            assert f"exercises-{framework}/d2l_checks/blocks/question.py" in archive.namelist()


FOLLOWED: dict[str, dict[str, Callable[[Copy, list[str]], None]]] = {
    "teaching.md": {
        "Make it yours": _yours,
        "Choose chapters": _chosen,
        "One framework only": _alone,
        "Add a chapter": _chapter,
        "Hold still for a term": _term,
        "Hand out exercises": _exercises,
        "Publish": _published,
        "On a GPU": _on_a_gpu,
    },
    "writing-questions.md": {
        "Writing a question": _written,
        "A question that asks for words": _written_for_words,
        "Try it": _tried,
    },
}


# Pages whose commands are typed one after the other in one copy, since each needs those before.
AS_ONE: dict[str, Callable[[Copy, list[str]], None]] = {"grading.md": _graded}

NEEDED = {  # chapters that its commands name
    "Hand out exercises": ["blocks"],
    "Writing a question": ["blocks"],
    "A question that asks for words": ["blocks"],
    "Try it": ["blocks"],
}
# The chapters of a copy, where one is not enough: two from the beginning of the book, two from its
# end.
SEVERAL = {"Choose chapters": {EXAMPLE, "autograd", "graphs", "multi-gpu"}}


def followed(page: str) -> list[str]:
    """The sections of a page whose commands are typed here."""
    alone = len(CHOSEN) == 1  # then nothing is left to be dropped
    return [name for name in FOLLOWED[page] if not (alone and name == "One framework only")]


@pytest.mark.parametrize("page", FOLLOWED)
def test_every_command_is_followed(page: str) -> None:
    assert list(sections(page)) == list(followed(page))


# Prints the whole book, a small one is printed by test_printing.py; tries questions on 60 seeds, a
# few are tried by test_exercises_tried.py.
LONG = {"Publish", "Try it"}


def _marks(section: str) -> list[pytest.MarkDecorator]:
    needed = pytest.mark.chapters(*NEEDED.get(section, ()))
    return [needed, *([pytest.mark.full] if section in LONG else [])]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "section"),
    [pytest.param(page, name, marks=_marks(name)) for page in FOLLOWED for name in followed(page)],
)
def test_the_commands_do_what_the_page_says(page: str, section: str, tmp_path: Path) -> None:
    chapters = SEVERAL.get(section, {EXAMPLE}) & set(CHAPTERS)
    copy = Copy(tmp_path / "copy", chapters)
    FOLLOWED[page][section](copy, sections(page)[section])


def test_the_table_of_the_course_is_right() -> None:
    """Titles, hours as each chapter's head has them, points as its questions give them."""
    text = (ROOT / "book" / "teaching.md").read_text("utf8")
    rows = re.findall(r"(?m)^\| \[(.+?)\]\((.+?)\.md\) \|.*\| (\S+) \| (.+?) \|$", text)
    chapters = [path for path in PROJECT.chapters if not read_chapter(path).draft]
    listed = [row for row in rows if (ROOT / "book" / f"{row[1]}.md").resolve() in PROJECT.pages]
    assert [row[1] for row in listed] == [path.stem for path in chapters]
    having = {exercises.name for exercises in find_exercises(PROJECT)}
    for (title, name, hours, points), path in zip(listed, chapters, strict=True):
        chapter = read_chapter(path)
        assert title == chapter.title
        head = next(cell.source for cell in chapter.cells if "**Time:**" in cell.source)
        assert ("an hour and a half" in head) == (hours == "1½")
        total = sum(one.points for one in questions(name).values()) if name in having else 0
        assert points == (f"{total} points" if total else "–")


@pytest.mark.slow
@pytest.mark.chapters("blocks")
@pytest.mark.parametrize("page", AS_ONE)
def test_the_commands_of_a_page_lead_from_its_first_to_its_last(page: str, tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copy", {EXAMPLE} & set(CHAPTERS))
    AS_ONE[page](copy, [command for part in sections(page).values() for command in part])
