"""What is handed out: student notebooks, archives, solutions; and a private folder's part."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from d2lexercises import chapters
from editions.base.errors import EditionsError, SourceError
from editions.base.project import Project
from editions.command_line import main
from editions.exercises.exercise_files import PRIVATE as PRIVATE_FOLDER
from editions.exercises.exercise_files import find_exercises
from editions.exercises.handouts import (
    packed_solutions,
    solutions_path,
    student_notebook,
    student_path,
    write_student_notebooks,
)
from editions.exercises.new_question import new_question
from editions.exercises.worked_solutions import worked_edition
from editions.notebooks.kernels import kernel_environment
from editions.notebooks.notebook import dumps
from exercise_answers import CHAPTERS, PACKAGES, ROOT
from small_project import QUESTIONS, write


def text_of(path):
    return "\n\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)


def snapshot(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_committed_student_notebooks_are_what_the_sources_say():
    real = Project(ROOT)
    for found in find_exercises(real):
        for framework in real.frameworks:
            path = student_path(found, framework, ROOT / "exercises" / "notebooks")
            fresh = dumps(student_notebook(found, framework))
            assert path.read_bytes() == fresh, "type: make exercises"
        assert solutions_path(found).read_bytes() == packed_solutions(found), "type: make exercises"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_student_notebooks_hold_no_solution_and_no_output(chapter, framework):
    (found,) = find_exercises(Project(ROOT), [chapter])
    path = ROOT / "exercises" / "notebooks" / framework / f"{chapter}.ipynb"
    node = nbformat.read(path, as_version=4)
    nbformat.validate(node)
    text = "\n\n".join(cell.source for cell in node.cells)
    hidden = [cell for cell in found.chapter.cells if "solution" in cell.tags]
    assert hidden
    for cell in hidden:
        assert cell.source not in text
        starters = "\n".join(c.source for c in found.chapter.cells if "starter" in c.tags)
        telling = [row for row in cell.source.split("\n") if len(row) > 30 and row not in starters]
        assert not [row for row in telling if row in text]
    code = [cell for cell in node.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert code[0].metadata.tags == ["setup"] and "%pip install" in code[0].source
    assert node.metadata.d2lcompute == {"exercises": chapter, "framework": framework}
    assert node.metadata.colab and node.metadata.kernelspec.name == "python3"
    assert not [cell for cell in node.cells if "{" + "code-cell}" in cell.source]
    ids = [cell.id for cell in node.cells]
    assert len(set(ids)) == len(ids)


def test_writing_twice_changes_no_byte(project):
    changed = write_student_notebooks(project)
    assert [project.relative(path) for path in changed] == [
        "exercises/chapters/small/solutions.txt",
        "exercises/notebooks/pytorch/small.ipynb",
        "_build/exercises/exercises-pytorch.zip",
        "exercises/notebooks/tensorflow/small.ipynb",
        "_build/exercises/exercises-tensorflow.zip",
    ]
    before = snapshot(project.root)
    assert write_student_notebooks(project) == []
    for path in (project.root / "exercises" / "notebooks", project.root / "_build"):
        shutil.rmtree(path)
    (project.root / "exercises/chapters/small/solutions.txt").unlink()
    assert len(write_student_notebooks(project)) == 5
    assert snapshot(project.root) == before


def test_the_archive_holds_the_student_notebooks(project):
    write_student_notebooks(project)
    for framework in ("pytorch", "tensorflow"):
        data = (project.root / f"_build/exercises/exercises-{framework}.zip").read_bytes()
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.namelist() == [f"exercises-{framework}/small.ipynb"]
            stored = archive.read(archive.namelist()[0])
        path = project.root / f"exercises/notebooks/{framework}/small.ipynb"
        assert stored == path.read_bytes()


def test_student_and_worked_notebook_differ_where_they_should(project):
    (found,) = find_exercises(project)
    framework = project.frameworks[0]
    student = "\n".join(cell.source for cell in student_notebook(found, framework).cells)
    worked = worked_edition(found, framework, project.root / "_build" / "solutions")
    names = [cell.name for cell in worked.chapter.cells if cell.kind == "code"]
    assert "secret_of_one" not in student and "Worked words" not in student
    assert "class One: ..." in student
    assert names == ["start", "one-solution", "one-check", "end"]
    assert "blocks.html#one-idea" in student  # links lead to the site


# -- a private folder ----------------------------------------------------------------------------

PRIVATE = """
# Mine

```{code-cell} ipython3
:name: two
:tags: [starter]
class Two: ...
```

```{code-cell} ipython3
:name: two-solution
:tags: [solution]
class Two:
    secret_of_two = 2
```

```{code-cell} ipython3
:name: two-check
check("small.two", Two)
```

## 1. The question, changed

[The chapter](../book/blocks.md) tells.

```{code-cell} ipython3
:name: one
:tags: [starter]
class One: "changed"
```

```{code-cell} ipython3
:name: one-solution
:tags: [solution]
class One:
    secret_of_changed = 1
```

```{code-cell} ipython3
:name: one-check
check("small.one", One)
```
"""


@pytest.fixture
def private(tmp_path):
    folder = tmp_path / "private"
    folder.mkdir()
    write(folder / "small.md", PRIVATE)
    (folder / "small.py").write_text(QUESTIONS)
    return folder


def test_notebooks_run_with_the_packages_of_their_own_project(project):
    own = project.root / "exercises" / "d2lexercises"
    own.mkdir()
    (own / "__init__.py").touch()
    found = {}
    for name, environment in (
        ("of the project", kernel_environment(project, "cpu")),
        ("installed", {}),
    ):
        done = subprocess.run(
            [sys.executable, "-c", "import d2lexercises; print(d2lexercises.__file__)"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        found[name] = Path(done.stdout.strip()).parent
    assert found["of the project"] == own and found["installed"] != own


def test_private_questions_replace_and_follow_the_public_ones(project, private):
    write_student_notebooks(project)
    before = snapshot(project.root / "exercises")
    write_student_notebooks(project, private=private)
    assert snapshot(project.root / "exercises") == before  # nothing private in the public folder
    path = project.root / "_build/exercises/notebooks/pytorch/small.ipynb"
    text = text_of(path)
    assert 'class One: "changed"' in text and "class One: ..." not in text
    assert text.index("small.one") < text.index("small.two") < text.index("The end")
    assert "secret" not in text
    with zipfile.ZipFile(project.root / "_build/exercises/exercises-pytorch.zip") as archive:
        assert archive.namelist() == [
            "exercises-pytorch/d2l_checks/small.py",
            "exercises-pytorch/small.ipynb",
        ]


def test_the_questions_of_a_merged_notebook_are_numbered_and_counted(project, tmp_path):
    text = project.root / "exercises" / "chapters" / "small" / "text.md"
    text.write_text(
        text.read_text("utf8").replace("One question.", "One question on this."), "utf8"
    )
    folder = tmp_path / "more"
    for name in ("small.two", "small.three"):
        new_question(project, name, None, folder)
    (found,) = find_exercises(project, ["small"], folder)
    merged = "\n".join(cell.source for cell in found.chapter.cells)
    headings = re.findall(r"(?m)^## (.*)$", merged)
    assert headings == ["1. A question", "2. Two", "3. Three", "The end"]
    assert "Three questions on this." in merged
    (alone,) = find_exercises(project, ["small"])
    assert "One question on this." in "\n".join(cell.source for cell in alone.chapter.cells)


def test_private_questions_are_found_by_the_variable_and_beside_the_notebook(private, tmp_path):
    code = (
        "from d2lexercises import chapters, find_question, questions;"
        "print(chapters(), list(questions('small')), find_question('small.two').points)"
    )
    expected = f"{sorted([*chapters(), 'small'])} ['small.one', 'small.two'] 2\n"
    environment = {"PYTHONPATH": PACKAGES, "PATH": ""}

    def run(folder, before="", **variables):
        done = subprocess.run(
            [sys.executable, "-c", before + code],
            cwd=folder,
            env=environment | variables,
            capture_output=True,
            text=True,
        )
        return done.stdout

    assert run(tmp_path) == ""
    assert run(tmp_path, D2L_PRIVATE_EXERCISES=str(private)) == expected
    shutil.copytree(private, tmp_path / "handed" / "d2l_checks")
    shell = "from IPython import InteractiveShell; InteractiveShell.instance();"
    environment["IPYTHONDIR"] = str(tmp_path / "ipython")
    assert run(tmp_path / "handed", shell) == expected
    # Whoever is no notebook, such as the grader, loads nothing from where it is started.
    assert run(tmp_path / "handed") == ""


@pytest.mark.frameworks("pytorch")
@pytest.mark.slow
def test_solutions_are_run_with_the_private_questions_and_must_earn_full_marks(
    project, private, monkeypatch, capsys
):
    monkeypatch.setenv(PRIVATE_FOLDER, "")
    shutil.copytree(ROOT / "d2lcompute", project.root / "d2lcompute")
    config = project.root / "_config.yml"
    config.write_text(config.read_text().replace("[pytorch, tensorflow]", "[pytorch]"))
    for name in ("small.md",):
        for path in (private / name, project.root / "exercises" / "chapters" / "small" / "text.md"):
            text = path.read_text()
            path.write_text(text.replace("import check", "import check; import torch"))
    at = ["--project", str(project.root), "--private", str(private)]
    assert main(["solutions", *at]) == 0, capsys.readouterr().err
    text = text_of(project.root / "_build/solutions/pytorch/small.ipynb")
    assert "secret_of_changed" in text and "secret_of_two" in text and '"changed"' not in text
    assert not list(project.root.glob("exercises/notebooks/**/*.ipynb"))
    broken = (private / "small.md").read_text().replace("secret_of_two", "nothing")
    (private / "small.md").write_text(broken)
    assert main(["solutions", *at]) == 1
    said = capsys.readouterr().err
    assert "a solution does not earn full marks" in said and "small.two: 0 of 2 points" in said


# -- dropped chapters ----------------------------------------------------------------------------


@pytest.fixture
def dropped(project):
    """The project without its chapter; the page and the student notebooks are still there."""
    write_student_notebooks(project)
    (project.root / "_toc.yml").write_text("format: jb-book\nroot: book/blocks\n", "utf8")
    return Project(project.root)


def archived(project, framework="pytorch"):
    path = project.root / f"_build/exercises/exercises-{framework}.zip"
    with zipfile.ZipFile(path) as archive:
        return [name.partition("/")[2] for name in archive.namelist()]


def test_a_dropped_chapter_hands_out_no_exercises(dropped, capsys):
    assert archived(dropped) == ["small.ipynb"]
    assert find_exercises(dropped) == []
    before = snapshot(dropped.root / "exercises")
    assert main(["exercises", "--project", str(dropped.root)]) == 0
    assert snapshot(dropped.root / "exercises") == before
    assert archived(dropped) == archived(dropped, "tensorflow") == []
    capsys.readouterr()
    for command in ("exercises", "solutions"):
        assert main([command, "small", "--project", str(dropped.root)]) == 1
        assert capsys.readouterr().err == (
            "error: there are no exercises called small; there are: none. "
            "_toc.yml does not list the chapters small\n"
        )


def test_a_private_folder_hands_out_no_exercises_of_a_dropped_chapter(dropped, private):
    shutil.copyfile(private / "small.py", private / "helper.py")
    assert find_exercises(dropped, private=private) == []
    write_student_notebooks(dropped, private=private)
    assert archived(dropped) == ["d2l_checks/helper.py"]


def test_a_private_file_may_be_about_no_chapter_of_the_book(dropped, private):
    (dropped.root / "book" / "small.md").unlink()
    (found,) = find_exercises(dropped, private=private)
    assert found.private == private / "small.md"
    write_student_notebooks(dropped, private=private)
    assert archived(dropped) == ["d2l_checks/small.py", "small.ipynb"]
    text = text_of(dropped.root / "_build/exercises/notebooks/pytorch/small.ipynb")
    assert "small.two" in text and "The end" not in text  # nothing of the public file


# -- chapters that are named ---------------------------------------------------------------------


@pytest.mark.parametrize("exam", ["text.md", None])
def test_nothing_of_a_chapter_that_is_not_named_is_handed_out(project, private, exam, capsys):
    """Neither the notebook of next week's chapter nor its judges, with or without a text."""
    (private / "exam").mkdir()
    for path, kept in ((private / "small.md", exam), (private / "small.py", "question.py")):
        if kept:
            text = path.read_text("utf8").replace("small.", "exam.")
            text = text.replace("[The chapter](../book/blocks.md)", "The chapter")
            (private / "exam" / kept).write_text(text, "utf8")
    options = ["--project", str(project.root), "--private", str(private)]
    options += ["--solutions-from", "2026-12-24"]
    assert main(["exercises", "small", *options]) == 0, capsys.readouterr().err
    small = ["d2l_checks/small.py", "d2l_checks/small/solutions.txt", "small.ipynb"]
    assert archived(project) == archived(project, "tensorflow") == small
    write_student_notebooks(project, private=private)
    assert "d2l_checks/exam/question.py" in archived(project)
    assert ("exam.ipynb" in archived(project)) == bool(exam)
    write_student_notebooks(project, ["exam"], private)
    assert archived(project) == ["d2l_checks/exam/question.py", *["exam.ipynb"][: bool(exam)]]
    capsys.readouterr()
    assert main(["exercises", "exam", *options]) == (0 if exam else 1)
    without = "no section of text.md asks exam.one: it has no check('exam.one', ...)"
    assert (without in capsys.readouterr().err) == (not exam)
    assert main(["exercises", "exan", *options]) == 1
    assert "no exercises called exan; there are: exam, small" in capsys.readouterr().err


def test_the_folder_of_a_chapter_is_no_folder_of_private_questions(project, private):
    (private / "small").mkdir()
    text = (private / "small.md").read_text("utf8").replace("](../book", "](../../../book")
    (private / "small" / "text.md").write_text(text, "utf8")
    (private / "small.md").unlink()
    (private / "small.py").rename(private / "small" / "question.py")
    write_student_notebooks(project, private=private)
    assert archived(project) == ["d2l_checks/small/question.py", "small.ipynb"]
    with pytest.raises(EditionsError, match="it holds no private exercises, such as blocks/text"):
        find_exercises(project, private=private / "small")


# -- mistakes of an author -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message", "at"),
    [
        (":tags: [solution]\n", "", "small.one has no cell tagged solution", 'check("small.one"'),
        (":tags: [starter]\n", "", "small.one has no cell tagged starter", 'check("small.one"'),
        (":tags: [starter]", ":tags: [begin]", "unknown tag ['begin']", "class One: ..."),
        (":tags: [starter]", ":tags: [starter, pytorch]", "(TensorFlow)", 'check("small.one"'),
        ('print("end")', 'check("small.one", One)', "small.one", 'check("small.one", One)\n```\n'),
        (
            'check("small.one", One)',
            "pass",
            "a starter or solution without a check",
            "class One: .",
        ),
    ],
)
def test_a_mistake_in_a_source_is_reported_with_its_line(project, old, new, message, at):
    path = project.root / "exercises" / "chapters" / "small" / "text.md"
    text = path.read_text("utf8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf8")
    with pytest.raises(SourceError) as caught:
        find_exercises(project)
    assert message in str(caught.value)
    where = path.read_text("utf8")
    line = where[: where.rindex(at) if "end" in old else where.index(at)].count("\n") + 1
    assert str(caught.value).startswith(f"exercises/chapters/small/text.md:{line}:")


def test_the_commands_say_what_is_wrong(project, capsys):
    at = ["--project", str(project.root)]
    assert main(["exercises", "nothing", *at]) == 1
    assert "there are no exercises called nothing; there are: small" in capsys.readouterr().err
    assert main(["exercises", *at, "--private", str(project.root / "none")]) == 1
    assert "there is no such folder of private exercises" in capsys.readouterr().err
    assert main(["exercises", *at]) == 0
    assert "wrote exercises/notebooks/pytorch/small.ipynb" in capsys.readouterr().out
    assert main(["exercises", "small", *at]) == 0
    assert capsys.readouterr().out == "nothing changed\n"
    with pytest.raises(EditionsError):
        find_exercises(project, ["nothing"])
