"""On honest work, our grader and otter-grader give the same marks for the same questions."""

import pytest
from grader.command_line import main
from grader.gradebook.database import Gradebook
from otter_tools import honest_class, run_otter, write_autograder

pytestmark = pytest.mark.slow
FEW, MORE = 3, 5  # submissions


def _ours(folder, data):
    """Marks by question, submission by submission."""
    assert main(["--data", str(data), "grade", str(folder), "--chapter", "blocks"]) == 0
    with Gradebook(data / "gradebook.sqlite") as book:
        return {
            row.student.id: {name: one.points for name, one in row.marks.items()}
            for row in book.student_marks("blocks")
        }


@pytest.mark.parametrize(
    "size", [FEW, pytest.param(MORE, marks=pytest.mark.full)], ids=["few", "more"]
)
def test_the_same_marks(framework, size, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number, content in enumerate(honest_class(framework, size)):
        (folder / f"student{number}.ipynb").write_bytes(content)
    ours = _ours(folder, tmp_path / "data")
    archive = write_autograder(tmp_path / "otter", framework)
    theirs = {
        path.stem: run_otter(archive, path, tmp_path / "out" / path.stem)
        for path in sorted(folder.iterdir())
    }
    assert ours == theirs
    points = {tuple(marks.values()) for marks in ours.values()}
    assert len(points) >= size - 1 >= 2  # the compared marks differ
    assert sum(ours["student0"].values()) == 56 and not any(ours["student1"].values())
