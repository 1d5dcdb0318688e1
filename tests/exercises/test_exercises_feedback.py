"""What is said about a wrong answer names its mistake."""

from __future__ import annotations

import pytest
from d2lexercises import feedback, find_question
from d2lexercises.feedback import evaluate
from d2lexercises.vocabulary import WrittenQuestion
from exercise_answers import CHAPTERS, FRAMEWORKS, judge, namespace, wrong_answers

BOTH = ("pytorch", "tensorflow")
SAID = [
    (BOTH, "blocks.count", "a float", "An integer is expected, and this is a float."),
    (
        ["pytorch"],
        "blocks.residual",
        "a projection with a bias",
        "projection: expected a weight of shape (",
    ),
    (
        ["tensorflow"],
        "blocks.residual",
        "a projection with a bias",
        "projection: expected a kernel of shape (",
    ),
    (
        ["pytorch"],
        "blocks.residual",
        "up with its ReLU in one",
        "up: an nn.Linear is expected, found an object of type Sequential",
    ),
    (
        ["tensorflow"],
        "blocks.residual",
        "up with its ReLU in one",
        "up: a layers.Dense is expected, found an object of type Sequential",
    ),
    (
        ["pytorch"],
        "blocks.residual",
        "the projection made in the first call",
        "projection.weight: created by the first call, too late for an optimizer",
    ),
    (BOTH, "blocks.residual", "up is not trained", "Parameters, those that are trained: 4 arrays"),
    (BOTH, "blocks.sequential", "no open slices", "Input: net[:"),
    (BOTH, "blocks.sequential", "a slice that freezes", "parameters of net that are trained: exp"),
    (["pytorch"], "blocks.sequential", "the built-in in forward", "is not allowed, not inside of"),
    (["tensorflow"], "blocks.sequential", "the built-in in call", "is not allowed, not inside of"),
    (BOTH, "blocks.lost-layer", "one layer too few", "hidden: expected 3 dense layers, found 2"),
    (BOTH, "blocks.lost-layer", "one scale for all", "scale: expected a parameter of shape ("),
    (
        BOTH,
        "blocks.lost-layer",
        "the last ReLU lost",
        "follows each hidden layer, the last one too",
    ),
    (BOTH, "blocks.lost-layer", "scale not used", "scale does not take part in the output."),
    (
        ["pytorch"],
        "blocks.lost-layer",
        "the head made in the first call",
        "head.weight, head.bias: created by the first call",
    ),
    (["pytorch"], "blocks.features", "a tuple", "is expected, got 2 values without keys"),
    (["tensorflow"], "blocks.features", "a list", "is expected, got 2 values without keys"),
    (["pytorch"], "blocks.features", "the ReLU in place no more", ".inplace."),
    (["pytorch"], "blocks.features", "a module added", "Not as before the call: net: modules;"),
    (["pytorch"], "blocks.features", "the hooks of others removed", "net: forward hooks;"),
    (["tensorflow"], "blocks.features", "the network compiled", "net: compiled"),
    (["tensorflow"], "blocks.features", "call replaced and left so", ": call"),
    (
        ["pytorch"],
        "blocks.transformer",
        "names that do not load",
        "for OtherNames:\n    Missing key(s) in state_dict: ",
    ),
    (BOTH, "training.schedule", "it rises again", "rises again"),
    (BOTH, "training.overfit", "softmax twice", "Loss 0, before the first step"),
    (BOTH, "training.overfit", "a copy of the network", "get their label from net afterwards"),
    (BOTH, "training.batches", "noise on y as well", "is none of the numbers that were given"),
    (BOTH, "training.batches", "X alone", "a pair X, y is expected; what came is an object"),
    (BOTH, "training.batches", "arrays of NumPy's", "Pairs of tensors are expected"),
    (BOTH, "training.batches", "a number of batches with a point", "len(batches): "),
    (BOTH, "training.batches", "a number for each feature", "are different; all should be"),
    (["pytorch"], "training.stuck", "the old head moves on", "head, weight after the step"),
    (["tensorflow"], "training.stuck", "one optimizer of Keras's", "the weights that it began"),
    (BOTH, "training.momentum", "the parameters saved too", "The parameters are no part of it"),
    (BOTH, "graphs.whole", "no norm", "the sum and the norms; what came is an object"),
    (BOTH, "graphs.steady", "no graph", "It comes from no graph. f ran as plain Python"),
    (["pytorch"], "graphs.steady", "another backend", "with another backend than came"),
    (BOTH, "graphs.optimize", "sets", "The new nodes: a list is expected; what came is a set of"),
    (BOTH, "graphs.optimize", "outputs first", "A node: a tuple is expected; what came is an"),
    (BOTH, "graphs.optimize", "each output once", "Outputs: 4 are expected"),
    (BOTH, "graphs.ship", "nothing saved", "Nothing was saved under the path that came"),
    (["pytorch"], "graphs.ship", "the weights alone", "torch.export.load cannot read"),
    (["pytorch"], "graphs.ship", "the rows of the example", "X.size()[0] == 2\nInput: up"),
    (["tensorflow"], "graphs.ship", "saved without a trace", "and was never called"),
    (["tensorflow"], "graphs.ship", "under another name than serve", "saved has no serve"),
    (BOTH, "multi-gpu.overlap", "all messages at the same time", "several messages use the link"),
    (BOTH, "multi-gpu.overlap", "a link without a pause", "no pause occur between two messages"),
    (BOTH, "multi-gpu.halving", "a ring", "steps: from 0 to 4 expected, got 6."),
    (BOTH, "multi-gpu.halving", "all send to device 0 at once", "Two arrays are sent to device 0"),
    (BOTH, "multi-gpu.halving", "to itself", "Device 0 of 2 can send to the others"),
    (BOTH, "multi-gpu.halving", "a chunk without a device", "A yield of a device and an array is"),
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
        if find_question(name).is_text:  # nothing is judged, so no case failed
            assert "Nothing is written yet" in str(feedback.failed_case(name))
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
