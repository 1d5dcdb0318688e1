"""A sandbox with small limits, on each of the two paths, and a chapter of NumPy questions."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from editions.base.frameworks import FRAMEWORKS
from grader.command_line import main
from grader.judging import questions, session
from grader.sandbox import machine, stage
from grader_tools import QUESTIONS, Ground

sys.path.insert(0, str(Path(__file__).parents[1] / "exercises"))  # the exercises' own answers


@pytest.fixture(params=list(FRAMEWORKS))
def framework(request):
    """Each framework in turn; those that the book leaves out are deselected."""
    return request.param


@pytest.fixture(autouse=True, scope="session")
def _not_overloaded():
    """Ignore the load of this machine; a separate test covers the extra time that it gives."""
    before, session._overloaded = session._overloaded, lambda: False
    yield
    session._overloaded = before


@pytest.fixture(scope="session")
def this_machine():
    return machine.find_machine()


@pytest.fixture(scope="session")
def stages(this_machine, tmp_path_factory):
    """The stages: without the judges, and with them."""
    folder = tmp_path_factory.mktemp("stages")
    for name, pruned in (("pruned", True), ("whole", False)):
        stage.make_stage(folder / name, QUESTIONS, pruned, user=this_machine.user)
    return folder


@pytest.fixture(scope="session")
def demo():
    return questions.load_questions("demo", QUESTIONS)


@pytest.fixture(scope="session", params=["sandbox", "zygote"])
def ground(request, this_machine, stages, demo):
    """Both ways of running submissions in turn."""
    found = Ground(request.param, this_machine, stages, demo)
    yield found
    found.close()


@pytest.fixture
def open_folder():
    """A folder that every user can write, outside of /tmp, which workers replace."""
    folder = Path(tempfile.mkdtemp(prefix="d2l-grader-", dir="/var/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data(tmp_path):
    """The grader's data folder."""
    return tmp_path / "data"


@pytest.fixture
def run(data, capsys):
    """Run a command of the grader in this process; returns its status and what it printed."""

    def run(*arguments):
        status = main(["--data", str(data), *map(str, arguments)])
        return status, capsys.readouterr()

    return run
