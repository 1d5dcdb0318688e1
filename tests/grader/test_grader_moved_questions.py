"""Questions that moved to another chapter, asked by notebooks that were handed out before."""

import pytest
from d2lexercises.answers import MOVED, present_names
from d2lexercises.saved import current_score
from exercise_answers import exercise_file
from grader.command_line import main
from grader.gradebook.database import Gradebook
from grader.intake.choosing import Candidate, choose
from grader.intake.notebooks import read_notebook
from grader.intake.submissions import Submission
from grader.judging.questions import load_questions
from grader_tools import notebook

OLD = {"profiling.timer": "performance.timer", "profiling.ahead": "performance.ahead"}
CHAPTERS = {"performance", "profiling"}
pytestmark = [pytest.mark.chapters("profiling", "performance"), pytest.mark.frameworks("pytorch")]


def cells(chapter, kind, asked=()):
    """The code of a chapter's exercises: of these questions, or of all of them."""
    names = {f"{one.rpartition('.')[2]}-{part}" for one in asked for part in (kind, "check")}
    return [
        one.source
        for one in exercise_file(chapter).edition("pytorch")
        if one.kind == "code" and not {"starter", "solution"} - {kind} & set(one.tags)
        and (not names or one.name in {*names, "imports", "checks"})
    ]  # fmt: skip


def before(sources):
    """The same cells, which name questions as they were named before."""
    texts = "\0".join(sources)
    for now, old in OLD.items():
        texts = texts.replace(f'"{now}"', f'"{old}"')
    return texts.split("\0")


# As it was handed in: an answer to what moved, and one to what did not.
MOVED_ANSWERS = cells("profiling", "solution", OLD)
HANDED_IN = notebook(*before(MOVED_ANSWERS), 'check("performance.roof", len)')


def test_a_name_means_the_question_that_has_it_now():
    assert dict(zip(MOVED.values(), MOVED, strict=True)) == OLD
    known = {"profiling.timer", "blocks.count"}
    assert present_names(["performance.timer", "blocks.count", "x.y"], known) == known
    assert present_names(["performance.timer"], {"performance.timer", "profiling.timer"}) == {
        "performance.timer"  # an instructor kept it
    }


@pytest.mark.slow
def test_an_old_notebook_is_credited_where_its_questions_are_now(tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "ann.ipynb").write_bytes(HANDED_IN)
    (folder / "ben.ipynb").write_bytes(notebook(*MOVED_ANSWERS))
    data = tmp_path / "data"
    for chapter in sorted(CHAPTERS):
        options = ["--chapter", chapter, "--jobs", "2"]
        main(["--data", str(data), "grade", str(folder), *options])
    printed = capsys.readouterr().out
    for now, old in OLD.items():
        moved = f"not taken: {old} of 1 submission: it is {now} now; grade --chapter profiling"
        assert moved in printed
    with Gradebook(data / "gradebook.sqlite") as book:
        ann, ben = book.student_marks("profiling")
    for name, mark in ann.marks.items():
        if name in OLD:
            assert mark.points == mark.out_of == ben.marks[name].points
        else:  # perhaps the wrong file was handed in
            assert mark.points is None and "of profiling it asks only what was moved" in mark.said
            assert ben.marks[name].points == 0


def test_the_notebook_of_the_chapter_itself_comes_first():
    def candidate(name, data):
        file = Submission("plain", "ann", "ann", False, (0, 0.0, ""), name, lambda: data)
        return Candidate(file, read_notebook(data))

    blank = candidate("blank.ipynb", notebook(*cells("profiling", "starter")))
    own = candidate("own.ipynb", notebook(*MOVED_ANSWERS))
    old = candidate("old.ipynb", HANDED_IN)
    questions = load_questions("profiling")
    for files, chosen in (([old, own], own), ([own, old], own), ([blank, old], old)):
        choice = choose(files, questions, "profiling", CHAPTERS, [])
        assert choice.candidate is chosen
        assert bool(choice.unasked) == (chosen is old)


def test_score_says_where_a_question_is_now(tmp_path):
    file = tmp_path / "old.ipynb"
    file.write_bytes(notebook(*before(cells("profiling", "solution"))))
    told = current_score(file)
    assert not any("There is no question" in one for one in told.problems)
    for old in OLD.values():
        assert f"{old} is a question of profiling now, and is graded there." in told.doubts
    file.write_bytes(HANDED_IN)
    assert not any("profiling" in one for one in current_score(file).problems)
