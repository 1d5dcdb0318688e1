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
    stage.make_stage(folder / "pruned", private, user=this_machine.user)
    found = Ground(ground.kind, this_machine, folder, questions.load_questions("saving", private))
    found.ran = {}
    yield found
    found.close()


def earned(saving, framework, code):
    """The points of each aspect, what was said of it, and the transcript; run once."""
    if (framework, code) not in saving.ran:
        cells = [code, "check('saving.state', save)"]
        transcript = saving.transcript(cells, framework=framework, sizes=USUAL)
        saving.ran[framework, code] = transcript
    transcript = saving.ran[framework, code]
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
    points, said, _ = earned(saving, framework, LIAR[framework] + FORGER)
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
    assert "answer raised" in said[FRESH] and "answer raised" in said[NAMES]
    assert transcript.answers["saving.state"].status == session.ANSWERED


# What an inspection does, and what is then said of its aspect.
FAILING = {
    "endless": ("while True: pass", "did not end in time"),
    "ended": ("import os; os._exit(0)", "ended its process"),
    "left": ("raise SystemExit", "SystemExit"),
    "large": ("return b'x' * 9_000_000", "more data than allowed"),
    "longer": ("return [0.0] * 3", "2 expected"),
}
FAILING_QUESTION = """
{name} = question("saving.{name}", "Save a network", takes=function)

@{name}.inputs
def draw_{name}(draw):
    return draw_saved(draw)

@{name}.aspect("looked at where it was saved", 1)
class Naive_{name}(Naive):
    "Save the state of the network."

@{name}.aspect("looked at elsewhere", 2)
class Fresh_{name}(Fresh):
    "Save the state of the network."

    def inspect(given, found, f):
        {inside}
"""
NAMES_TOO = """
@ended.aspect("the names inside", 1)
class Names_ended(Names):
    "Write the whole archive."
"""


@pytest.fixture(scope="module")
def failing(ground, this_machine, tmp_path_factory):
    """By question and aspect, the findings on a submission whose inspections fail."""
    folder = tmp_path_factory.mktemp("failing")
    (folder / "private" / "saving").mkdir(parents=True)
    texts = [
        FAILING_QUESTION.format(name=name, inside=inside) for name, (inside, _) in FAILING.items()
    ]
    texts.append(NAMES_TOO)
    (folder / "private" / "saving" / "question.py").write_text("".join([QUESTION, *texts]))
    stage.make_stage(folder / "pruned", folder / "private", user=this_machine.user)
    demo = questions.load_questions("saving", folder / "private")
    one = Ground(ground.kind, this_machine, folder, demo)
    names = ("state", *FAILING)
    cells = [HONEST["pytorch"], *(f"check('saving.{name}', save)" for name in names)]
    sizes = limits.Limits(answer_seconds=3, cell_seconds=60)
    try:
        transcript = one.transcript(cells, framework="pytorch", sizes=sizes)
        marks = {name: one.mark(f"saving.{name}", transcript, "pytorch") for name in names}
    finally:
        one.close()
    return {
        name: {finding["aspect"]: finding for finding in mark.findings}
        for name, mark in marks.items()
    }


@pytest.mark.frameworks("pytorch")
@pytest.mark.slow
@pytest.mark.parametrize("name", FAILING)
def test_an_inspection_that_fails_costs_its_aspect_alone(failing, name):
    found = failing[name]
    assert (found[NAIVE]["points"], found[FRESH]["points"]) == (1, 0)
    assert FAILING[name][1] in found[FRESH]["message"]
    # Neither the other inspection of the same question, nor another question, loses anything.
    assert failing["ended"][NAMES]["points"] == 1
    other = {aspect: one["points"] for aspect, one in failing["state"].items()}
    assert other == {NAIVE: 1, FRESH: 2, NAMES: 1}


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
