"""Small figures for a page: line plots, heatmaps, and curves that grow during training.

Matplotlib is imported when the first figure is drawn. In a notebook, figures are SVG, and
drawing the same data again gives the same bytes. In a script nothing is shown by itself:
call `matplotlib.pyplot.show()`.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, MappingView, Sequence
from contextlib import contextmanager
from itertools import cycle, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from d2lcompute._arguments import integer
from d2lcompute._arrays import to_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

# Six colours and five line styles give 30 curves that differ. The colours stay apart under
# protanopia, deuteranopia and tritanopia, have a contrast of 3 or more on white, and the
# first four differ in grey.
_COLORS = ("#1f4e9c", "#e0701a", "#0a7f66", "#000000", "#7a1f5c", "#6f8fd0")
_LINES = ("-", "--", "-.", ":", (0, (6, 1.5, 1, 1.5, 1, 1.5)))

# Whatever style a notebook or its theme has set, figures are dark on white.
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

_REDRAW_SECONDS = 0.1  # live: at most 10 redraws a second,
_REDRAW_SHARE = 0.1  # and at most this share of the time goes into them
_MANY_POINTS = 10_000  # from here on, searching the best place for the legend is slow


def use_svg_display() -> None:
    """Let notebooks show Matplotlib's figures as SVG whose bytes repeat from run to run.

    The figures carry neither date nor version, and the names inside them are not random.
    Outside a notebook only the last holds, for figures saved as SVG. A salt that
    `matplotlib.rcParams["svg.hashsalt"]` has already stays.
    """
    import matplotlib

    if matplotlib.rcParams["svg.hashsalt"] is None:
        matplotlib.rcParams["svg.hashsalt"] = "d2lcompute"
    if _notebook() is None:
        return
    from matplotlib_inline.backend_inline import set_matplotlib_formats
    from matplotlib_inline.config import InlineBackend

    inline = InlineBackend.instance()  # what pyplot reads when it sets up its backend
    inline.figure_formats = {"svg"}
    inline.print_figure_kwargs |= {"metadata": {"Date": None, "Creator": None}}
    set_matplotlib_formats("svg")


def set_figsize(figsize: tuple[float, float] = (3.5, 2.5)) -> None:
    """Set the size of the figures that Matplotlib makes from now on, and show them as SVG.

    Args:
        figsize: width and height in inches; 5.5 inches are 400 pixels.

    Raises:
        TypeError, ValueError: `figsize` is not two positive numbers.
    """
    import matplotlib

    use_svg_display()
    matplotlib.rcParams["figure.figsize"] = _size(figsize)


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

    Args:
        axes: the axes to set.
        xlabel, ylabel: what stands along the axis; None to leave it.
        xlim, ylim: the smallest and largest value shown, None for an end to leave; None to
            leave both.
        xscale, yscale: 'linear', 'log', or another scale of Matplotlib's.
        legend: a name for each curve in turn; None or empty for no legend.

    Raises:
        TypeError: the legend is not names, or a limit is no number.
        ValueError: an unknown scale, limits that are not two, or more names than curves.
    """
    xlim, ylim, names = _limits("xlim", xlim), _limits("ylim", ylim), _names(legend)
    axes.set_xscale(xscale)
    axes.set_yscale(yscale)
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
    figure is complete when it is shown: give `axes` of your own to add a title or to save it.

    Args:
        X: shape (n,), one curve; or a list of such, or shape (curves, n). Numbers, lists,
            arrays, or tensors of any framework, device and real dtype.
        Y: the same; None to take `X` as `Y`, over 0, 1, 2, ...
        xlabel, ylabel: what stands along the axis.
        legend: a name for each curve in turn.
        xlim, ylim: the smallest and largest value shown, None for an end that fits the data;
            None to fit both.
        xscale, yscale: 'linear', 'log', or another scale of Matplotlib's.
        fmts: Matplotlib's format strings such as 'r--', one for each curve in turn, over and
            over; None for colours and line styles that can be told apart.
        figsize: width and height in inches; 5.5 inches are 400 pixels.
        axes: draw here, beside what is already there, and show nothing.

    Raises:
        TypeError: what is to be drawn is not real numbers, or an argument is of another kind
            than said above.
        ValueError: a curve and its x differ in length, there are more names in the legend
            than curves, or a size, limit, scale or format is not valid.

    >>> from matplotlib.figure import Figure
    >>> axes = Figure().add_subplot()
    >>> plot([0, 1, 2], [[0, 1, 4], [0, 1, 8]], legend=["square", "cube"], axes=axes)
    >>> [line.get_ydata().tolist() for line in axes.lines]
    [[0, 1, 4], [0, 1, 8]]
    """
    curves, names = _pairs(X, Y), _names(legend)
    settings = (xlabel, ylabel, xlim, ylim, xscale, yscale, names)
    if axes is None:
        with _shown(1, 1, figsize) as (_, (axes,)):
            _draw(axes, curves, fmts, settings)
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
    """Draw matrices as a grid of heatmaps, all on one scale of colours, and show them.

    Args:
        matrices: shape (rows, columns, height, width), of any framework. NaN stays white.
        xlabel: what stands under the last row.
        ylabel: what stands beside the first column.
        titles: what stands over each column.
        figsize: width and height of the whole in inches.
        cmap: the name of one of Matplotlib's colour maps.

    Raises:
        TypeError: `matrices` is not numbers.
        ValueError: `matrices` has not four dimensions, is empty, or `titles` has not one
            title a column.

    >>> show_heatmaps(np.eye(4).reshape(1, 1, 4, 4), xlabel="Keys", ylabel="Queries")
    """
    values = _numbers(matrices)
    if values.ndim != 4 or 0 in values.shape:
        raise ValueError(
            "matrices must have the shape (rows, columns, height, width), none of them 0, "
            f"got {values.shape}; one matrix goes in as matrix.reshape(1, 1, height, width)"
        )
    rows, columns = values.shape[:2]
    names = _names(titles, "titles")
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

    In a notebook the figure is drawn anew as points come in: at most ten times a second, and
    in at most a tenth of the time. Where nobody watches, which the environment variable
    `D2L_UNATTENDED=1` or `CI=true` says, it is drawn once, when the cell ends or fails;
    `D2L_UNATTENDED=0` wins over `CI`.
    Outside a notebook nothing is shown; `fig` is there to save.

    Args:
        xlabel, ylabel, legend, xlim, ylim, xscale, yscale, fmts, figsize: as for `plot`.
        nrows, ncols: how many axes the figure has; `add` draws on the first.

    Attributes:
        X: where every point so far is, one list of floats a curve.
        Y: the values of these points, one list of floats a curve.
        fig: the figure.
        axes: its axes, row by row.

    Raises:
        TypeError, ValueError: as `plot`.

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
        self.X: list[list[float]] = []
        self.Y: list[list[float]] = []
        names = _names(legend)
        self._settings = (xlabel, ylabel, xlim, ylim, xscale, yscale, names)
        self._formats = _formats(fmts)
        self._lines: list[Line2D] = []
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
            x: where; one number for all curves, or one for each.
            y: the value of each curve in turn, or a number if there is one curve. None for a
                curve that has no value now. Tensors are fine.

        Raises:
            TypeError: `x` or `y` is not real numbers.
            ValueError: `x` and `y` differ in length, or have more than one dimension.
        """
        xs, ys = _point("x", x), _point("y", y)
        if len(xs) == 1:
            xs = xs * len(ys)
        if len(xs) != len(ys):
            raise ValueError(
                f"x must be one number, or one for each of the {len(ys)} values of y, got {len(xs)}"
            )
        self._grow(len(ys))
        for i, (a, b) in enumerate(zip(xs, ys, strict=True)):
            if a is not None and b is not None:
                self.X[i].append(a)
                self.Y[i].append(b)
        self._screen.changed()

    def _grow(self, curves: int) -> None:
        """Have at least so many curves, each with its line."""
        while len(self.X) < curves:
            self._lines.append(_line(self._axes[0], [], [], next(self._formats)))
            self.X.append([])
            self.Y.append([])

    def _refresh(self) -> None:
        """Bring the lines up to date; only what is about to be looked at needs it."""
        axes = self._axes[0]
        for line, x, y in zip(self._lines, self.X, self.Y, strict=True):
            line.set_data(x, y)
            _dot(line)
        axes.relim()
        axes.autoscale_view()
        with _style():
            set_axes(axes, *self._settings)


class _Screen:
    """Shows a figure that changes, below the cell that changes it."""

    def __init__(self, figure: "Figure", refresh: Callable[[], None]) -> None:
        self._figure = figure
        self._refresh = refresh
        self._shell: Any = None  # set while a cell is changing the figure
        self._handle: Any = None  # of the display that is drawn anew
        self._stale = False
        self._next = 0.0  # when to draw again, on the clock of `time.perf_counter`

    def changed(self) -> None:
        """Note that the figure changed; draw it if somebody is watching and it is time to."""
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
        """Show the last state when the cell ends, whether it succeeded or not."""
        self._shell.events.unregister("post_run_cell", self._finish)
        try:
            if self._stale:
                self._draw()
        finally:
            self._shell = self._handle = None


def _notebook() -> Any:
    """Return IPython's shell if it belongs to a kernel, and None in a script or terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell if getattr(shell, "kernel", None) is not None else None


def _unattended() -> bool:
    """Whether a program runs this, not a person."""
    value = os.environ.get("D2L_UNATTENDED") or os.environ.get("CI", "")
    return value.lower() in ("1", "true")


def _style() -> Any:
    """Return a context in which figures are made and drawn in this module's style."""
    import matplotlib

    use_svg_display()  # before the context, which undoes all settings at its end
    return matplotlib.rc_context(_STYLE)


def _figure(
    rows: int, columns: int, figsize: tuple[float, float], pyplot: bool = False
) -> "tuple[Figure, list[Axes]]":
    """Return a figure and its axes, row by row.

    It is unknown to pyplot, which would show it a second time, unless `pyplot` says so.
    """
    from matplotlib.figure import Figure

    size = _size(figsize)
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
    """Make a figure to draw on in the block, and show it at the end if in a notebook.

    Nothing is left of it if the block raises.
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
    # Curves that were there before keep their names, or stay out of the legend.
    known = [line.get_label() for line in axes.lines] if names else None
    set_axes(axes, *others, known)


def _label(lines: Sequence["Line2D"], names: list[str]) -> None:
    """Name lines, for the legend."""
    if len(names) > len(lines):
        raise ValueError(f"legend names {len(names)} curves, but there are {len(lines)}: {names}")
    for line, name in zip(lines, names, strict=False):
        line.set_label(name)


def _line(axes: "Axes", x: Any, y: Any, fmt: str | None) -> "Line2D":
    """Draw one curve; without a format, in the look that follows those already there."""
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
    """Make a single point visible, which a line alone is not, and undo it when more come."""
    lonely = len(line.get_xdata(orig=True)) == 1
    if line.get_marker() == ("None" if lonely else "."):
        line.set_marker("." if lonely else "None")


def _formats(fmts: str | Sequence[str] | None) -> Iterator[str | None]:
    """Return the format of each curve in turn, without end."""
    if fmts is None or isinstance(fmts, str):
        return repeat(fmts)
    formats = _listed("fmts", fmts)
    return cycle(formats) if formats else repeat(None)


def _names(names: Sequence[str] | None, argument: str = "legend") -> list[str]:
    """Return a legend or titles as a list; one string is one name, not its letters."""
    if names is None:
        return []
    return [names] if isinstance(names, str) else [str(n) for n in _listed(argument, names)]


def _listed(name: str, values: Any) -> list[Any]:
    """Return an argument that holds several values as a list."""
    try:
        return list(values)
    except TypeError:
        raise TypeError(f"{name} must be a list, got {values!r:.60}") from None


def _limits(name: str, limits: Any) -> tuple[Any, Any] | None:
    """Return the ends of an axis as plain numbers, with None for an end to leave."""
    if limits is None:
        return None
    message = f"{name} must be (smallest, largest), got {limits!r:.60}"
    try:
        ends = [to_numpy(end) for end in limits]
    except TypeError:
        raise TypeError(message) from None
    if any(end.dtype.kind in "cSU" for end in ends):
        raise TypeError(message)
    if [end.size for end in ends] != [1, 1]:
        raise ValueError(message)
    low, high = (end.item() for end in ends)
    return low, high


def _size(figsize: tuple[float, float]) -> tuple[float, float]:
    """Return a figure's size if it is one."""
    message = f"figsize must be (width, height) in inches, both positive, got {figsize!r}"
    try:
        width, height = (float(side) for side in figsize)
    except TypeError:
        raise TypeError(message) from None
    except ValueError:
        raise ValueError(message) from None
    if not (0 < width < float("inf") and 0 < height < float("inf")):
        raise ValueError(message)
    return width, height


def _pairs(X: Any, Y: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return x and y of each curve, as `plot` explains."""
    ys = [_numbers(y) for y in _curves(X if Y is None else Y)]
    xs = [np.arange(len(y)) for y in ys] if Y is None else _curves(X)
    for x in xs:
        if x.dtype.kind == "c":  # Matplotlib takes names and dates, and drops imaginary parts
            _numbers(x)
    if len(xs) == 1:
        xs = xs * len(ys)
    if len(xs) != len(ys):
        raise ValueError(
            f"X must hold one curve, or as many as Y: got {len(xs)} in X and {len(ys)} in Y"
        )
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if len(x) != len(y):
            raise ValueError(f"curve {i}: x holds {len(x)} values and y holds {len(y)}")
    return list(zip(xs, ys, strict=True))


def _curves(value: Any) -> list[np.ndarray]:
    """Return a list of curves, each of shape (n,); a single curve makes a list of one."""
    if isinstance(value, (Iterator, MappingView)):
        value = list(value)
    if isinstance(value, (list, tuple)) and not all(isinstance(v, (int, float)) for v in value):
        parts = [to_numpy(part) for part in value]
        if all(part.ndim == 0 for part in parts):
            return [np.array(parts)]
        return [_vector(part) for part in parts]
    array = to_numpy(value)
    if array.dtype.kind == "O" and array.ndim == 1 and any(hasattr(v, "__len__") for v in array):
        # curves that differ in length
        return _curves(list(array))
    if array.ndim < 2 or array.shape[1:] == (1,):
        return [array.reshape(-1)]
    if array.ndim > 2:
        raise ValueError(f"curves must have the shape (n,) or (curves, n), got {array.shape}")
    return list(array)


def _vector(part: np.ndarray) -> np.ndarray:
    """Return one of several curves as shape (n,), which (n, 1) and (1, n) are as good as."""
    if part.ndim == 0:
        raise ValueError(
            f"a list must hold either numbers or curves, not both: got {part.item()!r:.60}"
        )
    if part.ndim > 2 or (part.ndim == 2 and 1 not in part.shape):
        raise ValueError(f"each curve in a list must have the shape (n,), got {part.shape}")
    return part.reshape(-1)


def _numbers(value: Any) -> np.ndarray:
    """Return `value` as an array of real numbers, with NaN for None."""
    array = to_numpy(value)
    if array.dtype.kind == "O":
        try:
            array = array.astype(float)
        except (TypeError, ValueError):
            raise TypeError(f"only numbers can be drawn, got {value!r:.60}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"only real numbers can be drawn, got {array.dtype}: {value!r:.60}")
    return array


def _point(name: str, value: Any) -> list[float | None]:
    """Return what `Animator.add` was given as a list of floats."""
    if value is None or isinstance(value, (int, float)):
        return [value if value is None else float(value)]
    if isinstance(value, (list, tuple, Iterator, MappingView)):
        parts = [(v if v is None else _numbers(v)) for v in value]
    else:
        array = _numbers(value)
        if array.ndim > 1:
            raise ValueError(f"{name} must be a number or one-dimensional, got {array.shape}")
        parts = list(array.reshape(-1))
    for part in parts:
        if part is not None and part.size != 1:
            raise ValueError(f"each value of {name} must be one number, got shape {part.shape}")
    return [part if part is None else float(part.item()) for part in parts]
