"""What is said about a wrong answer names its mistake."""

from __future__ import annotations

import pytest
from d2lexercises import feedback, find_question
from d2lexercises.feedback import evaluate
from d2lexercises.vocabulary import WrittenQuestion
from exercise_answers import CHAPTERS, FRAMEWORKS, judge, namespace, wrong_answers

BOTH = ("pytorch", "tensorflow")
SAID = [
    (BOTH, "training.recipe", "the losses alone", "the best constant; what came is a list of "),
    (BOTH, "training.recipe", "a tensor for the constant", ", got an object of type "),
    (BOTH, "training.batches", "noise on y as well", "is none of the numbers that were given"),
    (BOTH, "training.batches", "X alone", "a pair X, y is expected; what came is an object"),
    (BOTH, "training.batches", "arrays of NumPy's", "Pairs of tensors are expected"),
    (BOTH, "training.batches", "a number of batches with a point", "len(batches): "),
    (BOTH, "training.batches", "a number for each feature", "are different; all should be"),
    (["pytorch"], "training.stuck", "the old head moves on", "head, weight after the step"),
    (["tensorflow"], "training.stuck", "one optimizer of Keras's", "the weights that it began"),
    (BOTH, "training.momentum", "the parameters saved too", "The parameters are no part of it"),
    (BOTH, "graphs.whole", "no norm", "the new gradient and the norm; what came is an object"),
    (BOTH, "graphs.steady", "no graph", "It comes from no graph. f ran as plain Python"),
    (["pytorch"], "graphs.steady", "another backend", "with another backend than came"),
    (BOTH, "graphs.optimize", "sets", "The new nodes: a list is expected; what came is an"),
    (BOTH, "graphs.optimize", "outputs first", "A node: a tuple is expected; what came is an"),
    (BOTH, "graphs.optimize", "each output once", "Outputs: 4 are expected"),
    (BOTH, "graphs.ship", "nothing saved", "Nothing was saved under the path that came"),
    (["pytorch"], "graphs.ship", "the weights alone", "torch.export.load cannot read"),
    (["pytorch"], "graphs.ship", "the rows of the example", "X.size()[0] == 2\nInput: up"),
    (["tensorflow"], "graphs.ship", "saved without a trace", "and was never called"),
    (["tensorflow"], "graphs.ship", "under another name than serve", "saved has no serve"),
]


@pytest.mark.parametrize(
    ("name", "what", "framework", "said"),
    [(name, what, framework, said) for keys, name, what, said in SAID for framework in keys],
)
def test_the_feedback_names_the_mistake(name, what, framework, said):
    chapter = name.partition(".")[0]
    answers = {case[:2]: case[2] for case in wrong_answers(chapter, framework)}
    findings = judge(name, answers[name, what], framework).findings
    texts = [f"{finding.message} {finding.hint}" for finding in findings if not finding.passed]
    assert any(said in text for text in texts), texts


def test_a_mistake_in_a_graph_is_shown_with_the_graph():
    def optimize(nodes, outputs):
        raise KeyError("x")

    text = str(evaluate("graphs.optimize", optimize, FRAMEWORKS[0]))
    assert "Your code raised KeyError" in text and "Input: " in text


@pytest.mark.parametrize("name", ["training.stuck", "training.momentum", "training.batches"])
def test_only_an_object_of_ones_own_class_is_answered_with_its_class(name, framework):
    class Own:
        pass

    said = "Give the class itself: Own, without parentheses."
    assert said in str(evaluate(name, Own(), framework))
    for answer in (test_a_mistake_in_a_graph_is_shown_with_the_graph, "Own", 3):
        text = str(evaluate(name, answer, framework))
        assert "A class is expected" in text and "parentheses" not in text


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_hint_and_case_work_for_every_question(chapter, framework):
    """After a check of the starter, which a student has first."""
    for name, starter in namespace(chapter, framework, "starter")["answers"].items():
        report = feedback.evaluate(name, starter, framework)
        if report.verdict is None:  # the starter is None
            assert "Check your answer first" in str(feedback.next_hint(name))
            continue
        said = str(report)
        assert f'Go on with hint("{name}") or case("{name}").' in said
        found = feedback.failed_case(name)
        (failed,) = [one for one in report.verdict.findings if one.aspect == found.aspect]
        assert not failed.passed and found.aspect in repr(found) and len(repr(found)) < 20_000
        assert list(found.given.keys()) and found.given.keys()[0] in repr(found)
        if isinstance(find_question(name), WrittenQuestion):
            assert found.wrong and found.wrong in failed.message, name
        hint = str(feedback.next_hint(name))
        assert hint.startswith(f"{name}: hint\n"), hint
