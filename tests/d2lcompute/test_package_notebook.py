"""What a notebook shows, in real kernels."""

import pytest
from left_out import HELPERS

CELLS = (
    "from d2lcompute import {} as d2l\nd2l.seed(0)",
    "d2l.plot([0, 1, 2], [[1, 2, 3], [3, 1, 2]], 'x', 'y', legend=['a', 'b'])",
    "import numpy as np\nd2l.show_heatmaps(np.arange(4.0).reshape(1, 1, 2, 2), 'x', 'y')",
    # pyplot, for the first time, in the cell that draws with it
    "import matplotlib.pyplot as plt\nd2l.set_figsize()\nplt.plot([1, 2, 3])\nplt.show()",
    "animator = d2l.Animator('step', legend=['loss'])\n"
    "for i in range(1000):\n    animator.add(i, i * i)",
    "animator.add(1000, 5)\n1 / 0",
    "animator.add(1001, None)\nprint(len(animator.X[0]))",
    "print('no point, no figure')",
    "fig, ax = plt.subplots()\nd2l.plot([1, 2], axes=ax)\nplt.close(fig)",
    "d2l.plot([1, 2])\nplt.figure()\nplt.plot([1, 2])\nplt.show()",
)
FIGURES = [0, 1, 1, 1, 1, 1, 1, 0, 0, 2]


def figures(notebook):
    """Each cell's figures, as SVG."""
    return [
        [output["data"]["image/svg+xml"] for output in cell.outputs if "data" in output]
        for cell in notebook.cells
    ]


def assert_clean(notebook):
    for cell in notebook.cells:
        for output in cell.outputs:
            assert output.get("name") != "stderr", output.text
            assert output.output_type != "error" or output.ename == "ZeroDivisionError", output


def cells(framework):
    return (CELLS[0].format(framework), *CELLS[1:])


@pytest.fixture(scope="module")
def seen():
    """The figures of the runs so far."""
    return []


@pytest.mark.parametrize(
    ("framework", "unattended"),
    [("torch", {"D2L_UNATTENDED": "1"}), ("tensorflow", {"CI": "true"})],
)
def test_unattended_each_figure_is_shown_once_and_its_bytes_repeat(
    kernel, seen, framework, unattended
):
    # The second run, in the other framework and with other hashes, must draw the same bytes.
    notebook, displays = kernel(*cells(framework), PYTHONHASHSEED=str(len(seen)), **unattended)
    assert_clean(notebook)
    assert [len(svgs) for svgs in figures(notebook)] == FIGURES
    assert {kind for kinds in displays.values() for kind in kinds} == {"display_data"}
    assert [len(displays.get(i, [])) for i in range(len(FIGURES))] == FIGURES
    for svg in (svg for svgs in figures(notebook) for svg in svgs):
        assert "<dc:date>" not in svg and "Matplotlib" not in svg
    assert notebook.cells[5].outputs[0].output_type == "error"  # the figure follows the error
    assert "1001\n" in [output.get("text") for output in notebook.cells[6].outputs]
    seen.append(figures(notebook))
    assert seen[-1] == seen[0]


def test_live_updates_are_few_and_end_with_the_last_point(kernel):
    code = (
        "import time\nanimator = d2l.Animator()\nbegan = time.perf_counter()\n"
        "while time.perf_counter() < began + 1:\n    animator.add(time.perf_counter(), 1)\n"
    )
    notebook, displays = kernel(*cells(HELPERS[0]), code)
    assert_clean(notebook)
    assert [len(svgs) for svgs in figures(notebook)][: len(FIGURES)] == FIGURES
    first, *updates = displays[len(FIGURES)]
    assert first == "display_data"
    assert updates and set(updates) == {"update_display_data"}
    assert len(updates) <= 11  # ten in a second, and the one at the end
    assert len(figures(notebook)[len(FIGURES)]) == 1
    # A thousand points in far less than a redraw's time: the first and the last state.
    assert displays[4][0] == "display_data" and 2 <= len(displays[4]) <= 20
    assert "1001\n" in [output.get("text") for output in notebook.cells[6].outputs]


def test_a_plain_ipython_terminal_shows_nothing(python):
    code = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("from d2lcompute import {} as d2l; d2l.plot([1, 2])").raise_error()
shell.run_cell("d2l.Animator().add(1, 2)").raise_error()
"""
    assert python(code.format(HELPERS[0]), MPLBACKEND="Agg") == ("", "")


def test_headless_without_ipython(python):
    code = f"""
from d2lcompute import {HELPERS[0]} as d2l
d2l.plot([1, 2])
animator = d2l.Animator()
animator.add(1, 2)
import io
animator.fig.savefig(io.BytesIO(), format="svg")
d2l.use_svg_display()
"""
    assert python(code) == ("", "")
