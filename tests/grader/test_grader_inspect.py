"""What an answer saved is looked at in a process that never ran it, in a real sandbox."""

import pytest
from grader.judging import questions, session
from grader.sandbox import limits, stage
from grader_tools import Ground
from saving import BROKEN, FORGER, HONEST, LIAR, QUESTION

USUAL = limits.Limits(answer_seconds=60, cell_seconds=60)
NAIVE, FRESH, NAMES = "looked at where it was saved", "looked at elsewhere", "the names inside"


@pytest.fixture(scope="module")
def saving(ground, this_machine, tmp_path_factory):
    """A `Ground` for a question whose aspects inspect what was saved."""
    folder = tmp_path_factory.mktemp("saving")
    private = folder / "private"
    (private / "saving").mkdir(parents=True)
    (private / "saving" / "question.py").write_text(QUESTION)
    stage.make_stage(folder / "pruned", private)
    found = Ground(ground.kind, this_machine, folder, questions.load_questions("saving", private))
    yield found
    found.close()


def earned(saving, framework, code):
    """The points of each aspect, what was said of it, and the transcript."""
    cells = [code, "check('saving.state', save)"]
    transcript = saving.transcript(cells, framework=framework, sizes=USUAL)
    mark = saving.mark("saving.state", transcript, framework)
    points = {finding["aspect"]: finding["points"] for finding in mark.findings}
    said = {finding["aspect"]: finding["message"] for finding in mark.findings}
    return points, said, transcript


@pytest.mark.slow
def test_an_honest_answer_passes(saving, framework):
    points, said, transcript = earned(saving, framework, HONEST[framework])
    assert points == {NAIVE: 1, FRESH: 2, NAMES: 1}, (said, transcript.notes)


@pytest.mark.slow
def test_what_an_answer_replaced_in_its_process_is_not_replaced_where_it_is_inspected(
    saving, framework
):
    points, said, _ = earned(saving, framework, LIAR[framework])
    assert points[NAIVE] == 1  # the lie works in the process of the liar
    assert points[FRESH] == 0 and "values differ" in said[FRESH], said


@pytest.mark.slow
def test_a_submission_cannot_say_what_its_inspection_gave(saving, framework):
    points, said, transcript = earned(saving, framework, LIAR[framework] + FORGER)
    assert "Fresh.inspect of Loaded.run" in transcript.answers["saving.state"].outputs
    assert points[FRESH] == 0 and "values differ" in said[FRESH], said


@pytest.mark.slow
def test_a_file_that_cannot_be_opened_costs_what_depends_on_it(saving, framework):
    points, said, transcript = earned(saving, framework, BROKEN)
    assert points == {NAIVE: 0, FRESH: 0, NAMES: 0}
    assert "stopped with" in said[FRESH] and "stopped with" in said[NAMES]
    assert transcript.answers["saving.state"].status == session.ANSWERED


@pytest.mark.frameworks("pytorch")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("while True: pass", "did not end in time"),
        ("import os; os._exit(0)", "ended its process"),
        ("raise SystemExit", "SystemExit"),
        ("return b'x' * 9_000_000", "more data than allowed"),
        ("return [0.0] * 3", "2 expected"),
    ],
)
def test_an_inspection_that_fails_costs_its_aspect_alone(
    ground, this_machine, tmp_path, inside, expected
):
    private = tmp_path / "private"
    (private / "saving").mkdir(parents=True)
    start = "    def inspect(given, found, f):\n"
    head, _, tail = QUESTION.partition(start)
    text = f"{head}{start}        {inside}\n{tail}"
    (private / "saving" / "question.py").write_text(text)
    stage.make_stage(tmp_path / "pruned", private)
    one = Ground(ground.kind, this_machine, tmp_path, questions.load_questions("saving", private))
    try:
        sizes = limits.Limits(answer_seconds=3, cell_seconds=60)
        cells = [HONEST["pytorch"], "check('saving.state', save)"]
        transcript = one.transcript(cells, framework="pytorch", sizes=sizes)
        mark = one.mark("saving.state", transcript, "pytorch")
    finally:
        one.close()
    found = {finding["aspect"]: finding for finding in mark.findings}
    assert (found[NAIVE]["points"], found[FRESH]["points"], found[NAMES]["points"]) == (1, 0, 1)
    assert expected in found[FRESH]["message"]


@pytest.mark.frameworks("pytorch")
@pytest.mark.slow
def test_the_process_that_inspects_has_no_file_of_the_one_that_answered(saving):
    code = HONEST["pytorch"] + "\nopen('left-behind', 'w').write('x')\nopen('/dev/shm/x', 'w')\n"
    points, said, _ = earned(saving, "pytorch", code)
    assert points[FRESH] == 2, said


def test_what_the_sandbox_gets_of_a_question_that_inspects(saving):
    text = (saving.stages / "pruned" / "private" / "saving" / "question.py").read_text()
    for name in ("def run", "def inspect", "def load", "def saved", "Fresh.inspect of Loaded.run"):
        assert name in text, name
    for name in ("def expect", "def judge", "draw_saved", "EXPECTED_ELSEWHERE", "the names inside"):
        assert name not in text, name
