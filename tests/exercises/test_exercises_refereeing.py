"""Referees, and what runs again in a second process, as they are in a notebook: in one process."""

from __future__ import annotations

import numpy as np
import pytest
from d2lexercises import devices, library
from d2lexercises.faults import WrongKind
from d2lexercises.frameworks import load
from d2lexercises.given import Given
from d2lexercises.networks import tensor_of
from d2lexercises.question import give_verdict, run_probe
from d2lexercises.refereeing import Ask, answered, said_by
from d2lexercises.running import plain

STORE = """
from d2lexercises.vocabulary import Aspect, function, question

STORE = question("store.smallest", "Smallest", takes=function)

class Store:
    def __init__(self, case, given):
        self.numbers, self.most, self.reads = case.numbers, given.most, 0
    def size(self):
        return len(self.numbers)
    def read(self, place):
        self.reads += 1
        return self.numbers[place]
    def noted(self, came):
        return {"smallest": came, "few reads": self.reads <= self.most}

@STORE.inputs
def draw_most(draw):
    return {"most": 1}

@STORE.kept_inputs
def draw_store(draw):
    return {"cases": [{"numbers": sorted(draw.integers(0, 99, n))} for n in (3, 5)]}

@STORE.aspect("read once", 2, over="cases")
class ReadOnce(Aspect):
    "The numbers are sorted."
    referee = Store

    def run(answer, given, f):
        assert "numbers" not in given
        return answer(given.ask.size(), given.ask.read)

    def expect(given):
        return {"smallest": given.numbers[0], "few reads": True}

@STORE.aspect("said again", 1)
class SaidAgain(Aspect):
    "What was said counts."

    def run(answer, given, f):
        return {"most": given.most}

    def again(answer, came, f):
        return [came["most"], answer(1, lambda place: 7)]

    def expect(given):
        return [given.most, 7]
"""


@pytest.fixture
def store(tmp_path):
    """A question with a referee, in a file of its own."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "question.py").write_text(STORE)
    (found,) = library.questions_in(tmp_path / "store" / "question.py")
    return found


def points(question, answer):
    inputs = question.draw(3)
    verdict = give_verdict(question, inputs, run_probe(question, answer, inputs, None), "pytorch")
    return {one.aspect: one.points for one in verdict.findings}


def test_a_referee_answers_and_what_it_noted_is_judged(store):
    assert points(store, lambda size, read: read(0)) == {"read once": 2, "said again": 1}
    reads_all = points(store, lambda size, read: min(map(read, range(size))))
    assert reads_all == {"read once": 0, "said again": 1}


def test_an_error_of_the_referee_is_one_of_the_answer(store):
    def finds_the_end(size, read):
        try:
            read(size)
        except IndexError:
            return read(0)

    assert points(store, finds_the_end)["read once"] == 0  # both reads count
    reply = run_probe(store, lambda size, read: read("x"), store.draw(3), None)
    assert reply["ReadOnce.run cases"][0]["error"]["type"] == "TypeError"


@pytest.mark.parametrize(
    "word", ["noted", "hands_over", "__init__", "_numbers", "numbers", "none", 3, None, ["read"]]
)
def test_only_public_methods_of_its_class_can_be_asked(word):
    class Store:
        def __init__(self):
            self.numbers = [1]

        def read(self, place):
            return self.numbers[place]

        def noted(self, came):
            return came

    assert answered(Store(), "read", [0]) == {"said": 1}
    assert answered(Store(), "read", "0")["raised"]["type"] == "WrongKind"
    with pytest.raises(WrongKind, match="cannot"):
        said_by(answered(Store(), word, [[0]]))


@pytest.mark.parametrize("where", ["read", "noted"])
def test_an_error_of_the_referee_alone_is_said_to_be_its_own(tmp_path, where):
    """In a notebook; and of the aspect alone that has the referee."""
    (tmp_path / "store").mkdir()
    file = tmp_path / "store" / "question.py"
    line = {"read": "self.reads += 1", "noted": 'return {"smallest"'}[where]
    file.write_text(STORE.replace(line, f"self.missing; {line}", 1))
    (store,) = library.questions_in(file)
    inputs = store.draw(3)
    reply = run_probe(store, lambda size, read: read(0), inputs, None)
    first, second = give_verdict(store, inputs, reply, "pytorch").findings
    assert (first.points, second.points) == (0, 1)
    said = "The check of this question raised AttributeError: 'Store' object has no attribute"
    assert said in first.message and "Your answer did not cause this error." in first.message


def test_nothing_private_is_asked():
    with pytest.raises(AttributeError):
        _ = Ask(lambda word, given: None)._numbers


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "    def again(",
            "    inspect = looked_at\n\n    def again(",
            "goes with neither",
        ),
        ("def again(answer, came, f)", "def again(came)", r"write again\(answer, came, f\)"),
        ('return {"cases"', 'return {"most": 2, "cases"', "drawn twice"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, old, new, message):
    text = STORE.replace(old, new).replace(
        '@STORE.aspect("said', 'def looked_at(given, found, f): ...\n\n@STORE.aspect("said'
    )
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "question.py").write_text(text)
    with pytest.raises(ValueError, match=message):
        library.questions_in(tmp_path / "store" / "question.py")[0].draw(1)


def test_another_referee_or_another_second_run_is_another_version(tmp_path):
    found = set()
    for number, (old, new) in enumerate(
        [
            ("", ""),
            ("self.reads += 1", "self.reads += 2"),
            ('came["most"], a', 'came["most"] + 0, a'),
        ]
    ):
        (tmp_path / f"store{number}").mkdir()
        file = tmp_path / f"store{number}" / "question.py"
        file.write_text(STORE.replace(old, new) if old else STORE)
        found.add(library.questions_in(file)[0].version)
    assert len(found) == 3


# -- devices -----------------------------------------------------------------------------------


def passes_on(rank, n, own):
    """Sends its own, and then what arrives: the sum is on every device after n - 1 steps."""
    total = parcel = own
    for _ in range(n - 1):
        parcel = yield parcel
        total = total + parcel
    return total


def ring(program, vectors):
    """What `devices.Alone` needs of a run of programs in a ring."""
    n, log = len(vectors), [[] for _ in vectors]

    def carry(parcels):
        arrived = [parcels[rank - 1] for rank in range(n)]
        for rank, pair in enumerate(zip(parcels, arrived, strict=True)):
            log[rank].append(list(pair))
        return arrived

    programs = [program(rank, n, vector) for rank, vector in enumerate(vectors)]
    ended = devices.in_step(programs, carry, 9)
    return {"sums": ended, "log": log, "own": vectors, "ended": ended}


def judged(program, pick):
    """What is judged of the run, or what is said of it."""
    vectors = [np.array([float(rank), 1.0]) for rank in range(4)]
    referee = devices.Alone(Given({}), Given({"pick": pick}))
    handed = referee.hands_over(ring(program, vectors))
    shared.clear()  # as in another process
    return referee.noted(
        [
            devices.run_alone([program(one["rank"], one["n"], one["own"])], one["arrived"], np.copy)
            for one in handed
        ]
    )


shared = {}


def one_shares(cheat):
    """Programs that share a variable, of which only the device `cheat` uses it."""

    def program(rank, n, own):
        shared[rank] = own
        for _ in range(n - 1):
            yield sum(shared.values()) if rank == cheat else own
        return own

    return program


@pytest.mark.parametrize("pick", range(4))
def test_devices_that_use_what_arrives_do_the_same_alone(pick):
    found = judged(passes_on, pick)
    assert list(found) == ["sums"]
    assert [one.tolist() for one in found["sums"]] == [[6.0, 4.0]] * 4


@pytest.mark.parametrize("pick", range(4))
def test_one_device_that_uses_what_others_share_is_found_unless_it_comes_last(pick):
    found = []
    for cheat in range(4):
        try:
            judged(one_shares(cheat), pick)
        except WrongKind as problem:
            found.append(str(problem))
    assert len(found) == 3 and all("ran again in a process of its own" in one for one in found)


@pytest.mark.parametrize("kind", [int, float, np.float32, np.float64, np.int64])
def test_a_number_arrives_as_it_is_whatever_kind_was_sent(kind):
    def program():
        arrives = yield kind(0)
        return arrives

    sent, ended = devices.run_alone([program()], [np.array(3.75)], np.copy)
    assert len(sent) == 1 and float(ended) == 3.75


def test_what_a_device_returned_or_sent_cannot_be_changed_later(framework):
    f = load(framework)

    class Mine(np.ndarray):
        def copy(self, order="C"):
            return self

    array = np.zeros(3)
    for value in (array[None], array[None, :2], array[None].view(Mine), [array, (array,)]):

        def program(value=value):
            yield value
            return value

        sent, ended = devices.run_alone([program()], [None], lambda one: plain(one, f))
        array[:] = 7.0
        for one in (ended, *sent):
            assert not np.any(np.concatenate([np.ravel(part) for part in one])), value
        array[:] = 0.0


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_a_tensor_arrives_as_it_is_whatever_kind_was_sent(framework, dtype):
    f = load(framework)

    def program():
        arrives = yield tensor_of(np.zeros((), dtype), f)
        return f.array(arrives)

    _, ended = devices.run_alone([program()], [np.array(3.75)], f.array)
    assert ended == 3.75
