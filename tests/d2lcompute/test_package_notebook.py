"""What a notebook shows, in real kernels."""

import base64
import io
import re

import numpy as np
import pytest
from left_out import HELPERS
from PIL import Image

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


DENSE = (
    "import numpy as np, matplotlib.pyplot as plt\nfrom d2lcompute import torch as d2l\n"
    "d2l.set_figsize()\nx = np.random.default_rng(0).standard_normal((100_000, 2))",
    "plt.scatter(*x.T)\nplt.title('many')\nplt.show()",
    "d2l.plot(x[:, 0], x[:, 1], 'x', 'y', legend=['walk'])",
    "plt.plot(x[:, 0], '.')\nplt.show()",
    "plt.hist(x[:, 0], bins=8_000)\nplt.show()",
    "plt.pcolormesh(x[:200, :1] @ x[:200, :1].T)\nplt.show()",
    "plt.subplot(projection='3d').scatter(*x.T, x[:, 0])\nplt.show()",
    "animator = d2l.Animator()\nfor y in x[:6_000, 0]:\n    animator.add(y, y)",
    "fig, axes = plt.subplots(1, 2)\nfor ax in axes:\n    ax.scatter(*x[:3_000].T)\nplt.show()",
    "print(axes[0].collections[0].get_rasterized(), fig.dpi == plt.rcParams['figure.dpi'])",
    "fig.savefig('saved.svg')\nprint(len(open('saved.svg').read()) > 500_000)",
    "plt.scatter(*x[:4_900].T)\nplt.show()",
)


def test_figures_of_very_many_points_stay_small(kernel):
    notebook, _ = kernel(*DENSE)
    assert_clean(notebook)
    *dense, few = [svg for svgs in figures(notebook) for svg in svgs]
    assert [len(svgs) for svgs in figures(notebook)] == [0, *[1] * 8, 0, 0, 1]
    for svg in dense:
        assert len(svg) < 400_000 and "<image " in svg and '<g id="axes_1">' in svg
    assert "<!-- many -->" in dense[0] and "<!-- walk -->" in dense[1]  # texts are no pixels
    assert "<image " not in few
    # Showing a figure leaves it as it was; in a file it has all its points.
    assert [notebook.cells[i].outputs[0].text for i in (9, 10)] == ["False True\n", "True\n"]


def test_a_dense_figure_looks_as_before_and_is_as_large(kernel):
    cells = [DENSE[0], DENSE[1], "import d2lcompute._pixels as p\np._MANY_POINTS = 1e9", DENSE[1]]
    notebook, _ = kernel(*cells)
    (dense,), (full,) = (svgs for svgs in figures(notebook) if svgs)
    size = r'<svg [^>]*width="([\d.]+)pt" height="([\d.]+)pt"'
    assert re.search(size, dense).groups() == re.search(size, full).groups()
    spots = np.array(re.findall(r'<use xlink:href="#\w+" x="([\d.]+)" y="([\d.]+)"', full), float)
    assert len(spots) > 100_000  # the ticks use such elements too
    data, flip, x, y, width, height = re.search(
        r'<image xlink:href="data:image/png;base64,([^"]+)"[^>]*translate\(0 -([\d.]+)\)"'
        r' x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)"',
        dense,
    ).groups()
    alpha = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))[..., 3]
    columns = (spots[:, 0] - float(x)) / float(width) * alpha.shape[1]
    rows = (float(flip) - spots[:, 1] - float(y)) / float(height) * alpha.shape[0]
    inside = (columns >= 0) & (columns < alpha.shape[1]) & (rows >= 0) & (rows < alpha.shape[0])
    assert inside.sum() >= 100_000
    assert (alpha[rows[inside].astype(int), columns[inside].astype(int)] > 0).mean() > 0.9999
    assert (alpha == 0).mean() > 0.3  # the corners are empty


def test_another_format_still_works_after_a_figure(kernel):
    notebook, _ = kernel(
        *DENSE[:3], "%config InlineBackend.figure_formats = ['png']\nplt.plot([1, 2])\nplt.show()"
    )
    assert_clean(notebook)
    assert "image/png" in notebook.cells[3].outputs[0].data


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
