"""Small figures for a page: line plots, heatmaps, and curves that grow during training.

Matplotlib is imported when the first figure is drawn. In a notebook, figures are SVG, and
drawing the same data again gives the same bytes. In a script, call `matplotlib.pyplot.show()`
to see the figures.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from d2lcompute import _drawable
from d2lcompute._arguments import integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

# Six colours and five line styles give 30 curves that differ. The colours stay apart under
# protanopia, deuteranopia and tritanopia, have a contrast of 3 or more on white, and the
# first four differ in grey.
_COLORS = ("#1f4e9c", "#e0701a", "#0a7f66", "#000000", "#7a1f5c", "#6f8fd0")
_LINES = ("-", "--", "-.", ":", (0, (6, 1.5, 1, 1.5, 1, 1.5)))

# Figures are dark on white, also in a notebook that has set another style.
_STYLE = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": "#222222",
    "axes.labelcolor": "#222222",
    "axes.titlecolor": "#222222",
    "axes.linewidth": 0.8,
    "axes.grid": False,
    "axes.titlesize": 9,
    "text.color": "#222222",
    "xtick.color": "#222222",
    "ytick.color": "#222222",
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "grid.linestyle": "-",
    "axes.prop_cycle": f"cycler('color', {list(_COLORS)})",
    "legend.facecolor": "white",
    "legend.edgecolor": "#cccccc",
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "font.size": 9,
}

_REDRAW_SECONDS = 0.1  # the shortest time between two redraws of an Animator
_REDRAW_SHARE = 0.1  # the largest share of the time that redrawing takes
_MANY_POINTS = 10_000  # with more points, the search for the best place of a legend is slow


def use_svg_display() -> None:
    """Let notebooks show Matplotlib's figures as SVG whose bytes repeat from run to run.

    The figures have no date and no version, and their element ids are not random. The data of
    a figure with more than 5,000 points are shown as an image inside the SVG, which keeps it
    small. A notebook that a program runs (see `Animator`) also stores each figure as PNG:
    JupyterLab shows no stored SVG before a notebook is run. Outside notebooks only the ids of
    saved SVG files are affected. If `matplotlib.rcParams["svg.hashsalt"]` is already set, it is
    kept.
    """
    import matplotlib

    if matplotlib.rcParams["svg.hashsalt"] is None:
        matplotlib.rcParams["svg.hashsalt"] = "d2lcompute"
    if _notebook() is None:
        return
    from matplotlib.backend_bases import register_backend
    from matplotlib_inline.backend_inline import set_matplotlib_formats
    from matplotlib_inline.config import InlineBackend

    register_backend("svg", "d2lcompute._pixels")

    inline = InlineBackend.instance()  # what pyplot reads when it sets up its backend
    formats = ("svg", "png") if _unattended() else ("svg",)
    inline.figure_formats = set(formats)
    inline.print_figure_kwargs |= {"metadata": {"Date": None, "Creator": None}}
    set_matplotlib_formats(*formats)


def set_figsize(figsize: tuple[float, float] = (3.5, 2.5)) -> None:
    """Set the size of the figures that Matplotlib creates from now on, and show them as SVG.

    Args:
        figsize: width and height in inches; 5.5 inches are 400 pixels.

    Raises:
        TypeError, ValueError: `figsize` is not two positive numbers.
    """
    import matplotlib

    use_svg_display()
    matplotlib.rcParams["figure.figsize"] = _drawable.size(figsize)


def set_axes(
    axes: "Axes",
    xlabel: str | None,
    ylabel: str | None,
    xlim: tuple[float, float] | None,
    ylim: tuple[float, float] | None,
    xscale: str,
    yscale: str,
    legend: Sequence[str] | None,
) -> None:
    """Set labels, limits, scales and legend of `axes`, and draw its grid.

    Where all curves have integers along a linear axis, its ticks are integers.

    Args:
        axes: the axes to set.
        xlabel, ylabel: the label of the axis; None to keep the label that it has.
        xlim, ylim: the smallest and largest value shown. None in place of a value, or of both,
            keeps what the axis has.
        xscale, yscale: 'linear', 'log', or another scale of Matplotlib's.
        legend: the names of the curves in order; None or empty for no legend.

    Raises:
        TypeError: the legend is not a list of names, or a limit is not a number or date.
        ValueError: a scale is unknown, the limits are not two values, or the legend has more
            names than there are curves.
    """
    xlim, ylim, names = (
        _drawable.limits("xlim", xlim),
        _drawable.limits("ylim", ylim),
        _drawable.names(legend),
    )
    # Setting a scale again would replace the names or dates along the axis by numbers.
    if axes.get_xscale() != xscale:
        axes.set_xscale(xscale)
    if axes.get_yscale() != yscale:
        axes.set_yscale(yscale)
    _set_integer_ticks(axes.xaxis, [line.get_xdata(orig=True) for line in axes.lines])
    _set_integer_ticks(axes.yaxis, [line.get_ydata(orig=True) for line in axes.lines])
    if xlabel is not None:
        axes.set_xlabel(xlabel)
    if ylabel is not None:
        axes.set_ylabel(ylabel)
    if xlim is not None:
        axes.set_xlim(xlim)
    if ylim is not None:
        axes.set_ylim(ylim)
    if names:
        _label(axes.lines, names)
        points = sum(len(line.get_xdata(orig=True)) for line in axes.lines)
        axes.legend(loc="best" if points < _MANY_POINTS else "upper right")
    axes.set_axisbelow(True)
    axes.grid(True)


def plot(
    X: Any,
    Y: Any = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
    legend: Sequence[str] | None = None,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    xscale: str = "linear",
    yscale: str = "linear",
    fmts: str | Sequence[str] | None = None,
    figsize: tuple[float, float] = (3.5, 2.5),
    axes: "Axes | None" = None,
) -> None:
    """Draw curves, and show them in a notebook.

    `plot(y)` draws one curve over 0, 1, 2, ...; `plot(x, y)` over `x`; `plot(x, [y1, y2])`
    several over the same `x`; `plot([x1, x2], [y1, y2])` each over its own. In a notebook the
    figure is shown at once: to add a title or to save it, create axes and pass them as `axes`.

    Args:
        X: one curve, of shape (n,); or several, as a list or of shape (curves, n). Each is a
            list, an array, or a tensor of any framework, device and real dtype. With `Y`, X may
            also hold names or dates: of Python, NumPy or pandas.
        Y: curves of numbers, in the same form; None to draw `X` over 0, 1, 2, ...
        xlabel, ylabel: the labels of the axes.
        legend: the names of the curves in order.
        xlim, ylim: the smallest and largest value shown. None in place of a value, or of both,
            fits the data.
        xscale, yscale: 'linear', 'log', or another scale of Matplotlib's.
        fmts: format strings of Matplotlib such as 'r--', which the curves take in turn; None
            for colours and line styles that are easy to tell apart.
        figsize: width and height in inches; 5.5 inches are 400 pixels.
        axes: draw on these axes, in addition to what they show, and do not show the figure.

    Raises:
        TypeError: a value of Y is not a real number, X mixes numbers, names and dates, or an
            argument has another type than described above.
        ValueError: a curve and its x differ in length, the legend has more names than there
            are curves, names or dates have another scale than 'linear', or a size, limit,
            scale or format is not valid.

    >>> from matplotlib.figure import Figure
    >>> axes = Figure().add_subplot()
    >>> plot([0, 1, 2], [[0, 1, 4], [0, 1, 8]], legend=["square", "cube"], axes=axes)
    >>> [line.get_ydata().tolist() for line in axes.lines]
    [[0, 1, 4], [0, 1, 8]]
    """
    curves, kind = _drawable.curves(X, Y)
    if kind != _drawable.NUMBERS and xscale != "linear":
        raise ValueError(f"xscale must be 'linear' where x holds {kind}, got {xscale!r}")
    names = _drawable.names(legend)
    settings = (xlabel, ylabel, xlim, ylim, xscale, yscale, names)
    if axes is None:
        with _shown(1, 1, figsize) as (_, (axes,)):
            _draw(axes, curves, fmts, settings)
            if kind == _drawable.DATES:
                _shorten_dates(axes)
        return
    from matplotlib.axes import Axes

    if not isinstance(axes, Axes):
        raise TypeError(
            f"axes must be one Axes of Matplotlib's, got {type(axes).__name__}; "
            "plt.subplots(1, 2) returns an array of them: take one, as in axes[0]"
        )
    _draw(axes, curves, fmts, settings)


def show_heatmaps(
    matrices: Any,
    xlabel: str,
    ylabel: str,
    titles: Sequence[str] | None = None,
    figsize: tuple[float, float] = (2.5, 2.5),
    cmap: str = "Reds",
) -> None:
    """Draw matrices as a grid of heatmaps with one common colour scale, and show them.

    Args:
        matrices: shape (rows, columns, height, width), of any framework. NaN stays white.
        xlabel: the label below the last row.
        ylabel: the label beside the first column.
        titles: the titles of the columns.
        figsize: width and height of the whole in inches.
        cmap: the name of one of Matplotlib's colour maps.

    Raises:
        TypeError: `matrices` is not numbers.
        ValueError: `matrices` does not have four dimensions, or is empty, or `titles` does not
            have one title for each column.

    >>> show_heatmaps(np.eye(4).reshape(1, 1, 4, 4), xlabel="Keys", ylabel="Queries")
    """
    values = _drawable.numbers(matrices)
    if values.ndim != 4 or 0 in values.shape:
        raise ValueError(
            "matrices must have the shape (rows, columns, height, width), none of them 0, "
            f"got {values.shape}; one matrix goes in as matrix.reshape(1, 1, height, width)"
        )
    rows, columns = values.shape[:2]
    names = _drawable.names(titles, "titles")
    if titles is not None and len(names) != columns:
        raise ValueError(f"titles must hold {columns} titles, one a column, got {names}")
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0, 1)
    with _shown(rows, columns, figsize) as (figure, axes):
        for i, (ax, matrix) in enumerate(
            zip(axes, values.reshape(-1, *values.shape[2:]), strict=True)
        ):
            image = ax.imshow(matrix, cmap=cmap, vmin=low, vmax=high)
            ax.set_xlabel(xlabel)
            ax.set_ylabel(ylabel)
            ax.label_outer()
            if titles is not None:
                ax.set_title(names[i % columns])
        figure.colorbar(image, ax=axes, shrink=0.6)


class Animator:
    """Curves that grow while a model trains.

    In a notebook the figure is redrawn when points are added: at most ten times a second, and
    in at most a tenth of the time. If the environment variable `D2L_UNATTENDED=1` or `CI=true`
    is set, because a program runs the notebook, the figure is drawn once, when the cell ends
    or fails; `D2L_UNATTENDED=0` overrides `CI`. Outside notebooks nothing is shown; save `fig`.

    Args:
        xlabel, ylabel, legend, xlim, ylim, xscale, yscale, fmts, figsize: as for `plot`.
        nrows, ncols: the rows and columns of axes in the figure; `add` draws on the first.

    Attributes:
        X: the x of all points so far, one list of floats, or of dates, for each curve.
        Y: the values of these points, one list of floats for each curve.
        fig: the figure.
        axes: its axes, row by row.

    Raises:
        TypeError, ValueError: as for `plot`.

    >>> animator = Animator(xlabel="epoch", legend=["loss", "accuracy"])
    >>> animator.add(1, (2.5, None))
    >>> animator.add(2, (1.5, 0.5))
    >>> animator.X, animator.Y
    ([[1.0, 2.0], [2.0]], [[2.5, 1.5], [0.5]])
    """

    def __init__(
        self,
        xlabel: str | None = None,
        ylabel: str | None = None,
        legend: Sequence[str] | None = None,
        xlim: tuple[float, float] | None = None,
        ylim: tuple[float, float] | None = None,
        xscale: str = "linear",
        yscale: str = "linear",
        fmts: str | Sequence[str] | None = None,
        nrows: int = 1,
        ncols: int = 1,
        figsize: tuple[float, float] = (3.5, 2.5),
    ) -> None:
        self.X: list[list[Any]] = []
        self.Y: list[list[float]] = []
        names = _drawable.names(legend)
        self._settings = (xlabel, ylabel, xlim, ylim, xscale, yscale, names)
        self._formats = _formats(fmts)
        self._lines: list[Line2D] = []
        self._kind: str | None = None  # of x: numbers or dates, once there is a point
        rows, columns = integer("nrows", nrows, 1), integer("ncols", ncols, 1)
        with _style():
            self._fig, self._axes = _figure(rows, columns, figsize)
            self._grow(len(names))
            set_axes(self._axes[0], *self._settings)
        self._screen = _Screen(self._fig, self._refresh)

    @property
    def fig(self) -> "Figure":
        """The figure, with every point so far."""
        self._refresh()
        return self._fig

    @property
    def axes(self) -> "list[Axes]":
        """The axes of the figure, row by row, with every point so far."""
        self._refresh()
        return self._axes

    def add(self, x: Any, y: Any) -> None:
        """Add a point to each curve.

        Args:
            x: one number or date for all curves, or one for each curve.
            y: the value of each curve in order, or a number if there is one curve; None for a
                curve without a value here. Tensors are allowed.

        Raises:
            TypeError: `y` is not real numbers, `x` is neither real numbers nor dates, or it
                was a number before and is a date now.
            ValueError: `x` and `y` differ in length, or have more than one dimension.
        """
        xs, kind = _drawable.position(x)
        ys = _drawable.point("y", y)
        if self._kind not in (None, kind):
            raise TypeError(f"x was {self._kind} before, got {kind}: {x!r:.60}")
        if len(xs) == 1:
            xs = xs * len(ys)
        if len(xs) != len(ys):
            raise ValueError(
                f"x must be one number, or one for each of the {len(ys)} values of y, got {len(xs)}"
            )
        self._grow(len(ys))
        self._kind = kind
        for i, (a, b) in enumerate(zip(xs, ys, strict=True)):
            if a is not None and b is not None:
                self.X[i].append(a)
                self.Y[i].append(b)
        self._screen.changed()

    def _grow(self, curves: int) -> None:
        """Add curves, each with its line, until there are `curves`."""
        while len(self.X) < curves:
            self._lines.append(_line(self._axes[0], [], [], next(self._formats)))
            self.X.append([])
            self.Y.append([])

    def _refresh(self) -> None:
        """Give the lines all points; called only before the figure is looked at."""
        axes = self._axes[0]
        with _style():
            for line, x, y in zip(self._lines, self.X, self.Y, strict=True):
                if self._kind == _drawable.DATES:
                    axes.xaxis.update_units(x)
                    _shorten_dates(axes)
                line.set_data(x, y)
                _dot(line)
            axes.relim()
            axes.autoscale_view()
            set_axes(axes, *self._settings)


class _Screen:
    """The display of a changing figure below the cell that changes it."""

    def __init__(self, figure: "Figure", refresh: Callable[[], None]) -> None:
        self._figure = figure
        self._refresh = refresh
        self._shell: Any = None  # set while a cell is changing the figure
        self._handle: Any = None  # of the display that is updated
        self._stale = False
        self._next = 0.0  # when to draw again, on the clock of `time.perf_counter`

    def changed(self) -> None:
        """Note that the figure changed; draw it if the last redraw was long enough ago."""
        if self._shell is None:
            self._shell = _notebook()
            if self._shell is None:
                return
            self._shell.events.register("post_run_cell", self._finish)
            self._next = float("inf") if _unattended() else 0.0
        self._stale = True
        if time.perf_counter() >= self._next:
            self._draw()

    def _draw(self) -> None:
        from IPython.display import display

        began = time.perf_counter()
        self._stale = False
        self._refresh()
        with _style():
            if self._handle is not None:
                self._handle.update(self._figure)
            elif self._next == float("inf"):
                display(self._figure)
            else:
                self._handle = display(self._figure, display_id=True)
        now = time.perf_counter()
        self._next = now + max(_REDRAW_SECONDS, (now - began) / _REDRAW_SHARE)

    def _finish(self, result: object) -> None:
        """Show the last state when the cell ends or fails."""
        self._shell.events.unregister("post_run_cell", self._finish)
        try:
            if self._stale:
                self._draw()
        finally:
            self._shell = self._handle = None


def _notebook() -> Any:
    """Return IPython's shell in a notebook; None in a script or a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell if getattr(shell, "kernel", None) is not None else None


def _unattended() -> bool:
    """Whether a program runs this notebook, rather than a person."""
    value = os.environ.get("D2L_UNATTENDED") or os.environ.get("CI", "")
    return value.lower() in ("1", "true")


def _style() -> Any:
    """Return a context in which Matplotlib uses this module's style."""
    import matplotlib

    use_svg_display()  # its settings must outlast the context
    return matplotlib.rc_context(_STYLE)


def _figure(
    rows: int, columns: int, figsize: tuple[float, float], pyplot: bool = False
) -> "tuple[Figure, list[Axes]]":
    """Return a figure and its axes, row by row.

    Without `pyplot`, pyplot does not know the figure and does not show it a second time.
    """
    from matplotlib.figure import Figure

    size = _drawable.size(figsize)
    if pyplot:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=size, layout="constrained")
    else:
        figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


@contextmanager
def _shown(
    rows: int, columns: int, figsize: tuple[float, float]
) -> "Iterator[tuple[Figure, list[Axes]]]":
    """Create a figure to draw on in the block; at its end, show the figure in a notebook.

    If the block raises an exception, the figure is discarded.
    """
    pyplot = _notebook() is None
    with _style():
        figure, axes = _figure(rows, columns, figsize, pyplot)
        try:
            yield figure, axes
        except BaseException:
            if pyplot:
                import matplotlib.pyplot as plt

                plt.close(figure)
            raise
        if not pyplot:
            from IPython.display import display

            display(figure)


def _draw(axes: "Axes", curves: list[Any], fmts: Any, settings: tuple[Any, ...]) -> None:
    """Draw curves and set up their axes."""
    *others, names = settings
    lines = [_line(axes, x, y, fmt) for (x, y), fmt in zip(curves, _formats(fmts), strict=False)]
    _label(lines, names)
    # Curves that the axes had before keep their names, or are left out of the legend.
    known = [line.get_label() for line in axes.lines] if names else None
    set_axes(axes, *others, known)


def _set_integer_ticks(axis: "Axis", curves: list[Any]) -> None:
    """Let a linear axis have ticks at integers only, if the values along it are integers."""
    from matplotlib.ticker import AutoLocator

    locator = axis.get_major_locator()
    if isinstance(locator, AutoLocator):  # not the locator of a scale, of names or of dates
        numbers = [np.asarray(values) for values in curves if len(values)]
        whole = all(one.dtype.kind in "iuf" and (one == np.rint(one)).all() for one in numbers)
        locator.set_params(integer=bool(numbers) and whole)


def _shorten_dates(axes: "Axes") -> None:
    """Let a small figure have few dates along x, and say what they have in common once."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    time_zone = getattr(axes.xaxis.get_major_locator(), "tz", None)
    locator = AutoDateLocator(time_zone, minticks=3, maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, time_zone))


def _label(lines: Sequence["Line2D"], names: list[str]) -> None:
    """Give lines their names in the legend."""
    if len(names) > len(lines):
        raise ValueError(f"legend names {len(names)} curves, but there are {len(lines)}: {names}")
    for line, name in zip(lines, names, strict=False):
        line.set_label(name)


def _line(axes: "Axes", x: Any, y: Any, fmt: str | None) -> "Line2D":
    """Draw one curve; without a format, in the colour and style after those of the axes."""
    if fmt is not None:
        (line,) = axes.plot(x, y, fmt)
    else:
        i = len(axes.lines)
        (line,) = axes.plot(
            x, y, color=_COLORS[i % len(_COLORS)], linestyle=_LINES[i % len(_LINES)]
        )
    _dot(line)
    return line


def _dot(line: "Line2D") -> None:
    """Mark a curve of a single point by a dot; a longer curve is a line."""
    lonely = len(line.get_xdata(orig=True)) == 1
    if line.get_marker() == ("None" if lonely else "."):
        line.set_marker("." if lonely else "None")


def _formats(fmts: str | Sequence[str] | None) -> Iterator[str | None]:
    """Return an endless iterator over the format of each curve."""
    if fmts is None or isinstance(fmts, str):
        return repeat(fmts)
    formats = _drawable.listed("fmts", fmts)
    return cycle(formats) if formats else repeat(None)
