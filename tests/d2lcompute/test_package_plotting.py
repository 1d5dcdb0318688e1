"""What figures show; without a notebook, so nothing is displayed."""

import datetime
import itertools
import warnings
from collections.abc import Iterator

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas
import pytest
from left_out import imported
from matplotlib.figure import Figure

from d2lcompute import plotting
from d2lcompute._arrays import to_numpy
from d2lcompute.plotting import Animator, plot, set_axes, set_figsize, show_heatmaps

torch, tf, keras = map(imported, ("torch", "tensorflow", "keras"))


@pytest.fixture(autouse=True)
def fresh():
    with matplotlib.rc_context():
        yield
    plt.close("all")


@pytest.fixture
def axes():
    return Figure().add_subplot()


def drawn(axes):
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]


X, Y, Z = [0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]


@pytest.mark.parametrize(
    ("arguments", "curves"),
    [
        ((Y,), [(X, Y)]),
        (([Y, Z],), [(X, Y), (X, Z)]),
        ((X, Y), [(X, Y)]),
        ((X, [Y, Z]), [(X, Y), (X, Z)]),
        (([X], [Y, Z]), [(X, Y), (X, Z)]),
        (([X, [1, 2]], [Y, [3, 4]]), [(X, Y), ([1, 2], [3, 4])]),
        ((np.array(X), np.array([Y, Z])), [(X, Y), (X, Z)]),
        ((range(3), (y for y in Y)), [(X, Y)]),
        ((torch.tensor(X), [torch.tensor(Y), np.array(Z)]), [(X, Y), (X, Z)]),
        ((tf.constant(X), [tf.constant(Y), tf.constant([[6.0], [7.0], [8.0]])]), [(X, Y), (X, Z)]),
        (([torch.tensor(y) for y in Y],), [(X, Y)]),
        (([tf.constant(y, tf.bfloat16) for y in Y],), [(X, Y)]),
        ((torch.tensor(Y, requires_grad=True),), [(X, Y)]),
        ((torch.tensor([Y, Z], dtype=torch.bfloat16),), [(X, Y), (X, Z)]),
        ((keras.Variable(Y),), [(X, Y)]),
        ((1, 2), [([1], [2])]),
        (([],), [([], [])]),
        (([[], Y],), [([], []), (X, Y)]),
        (([True, False],), [([0, 1], [True, False])]),
        ((X, {"loss": Y, "accuracy": Z}.values()), [(X, Y), (X, Z)]),
        ((tf.ragged.constant([[1, 2], [3]]),), [([0, 1], [1, 2]), ([0], [3])]),
        ((np.array([[1, 2], [3]], dtype=object),), [([0, 1], [1, 2]), ([0], [3])]),
        ((np.array([10**30, 1], dtype=object),), [([0, 1], [1e30, 1])]),
        ((["a", "b"], [1, 2]), [(["a", "b"], [1, 2])]),
    ],
)
def test_plot_takes_curves_in_every_form(axes, arguments, curves):
    assert plot(*arguments, axes=axes) is None
    assert drawn(axes) == curves


def ticks(axes):
    """The labels along x, and what they have in common."""
    axes.figure.draw_without_rendering()
    labels = [label.get_text() for label in axes.get_xticklabels()]
    return labels, axes.xaxis.get_offset_text().get_text()


def test_axes_of_integers_have_ticks_at_integers_only(axes):
    def whole(axis):
        return all(tick == int(tick) for tick in axis.get_majorticklocs())

    counts = np.array([1, 2, 3])
    plot([1.0, 2.0, 2.5], counts, axes=axes)
    assert not whole(axes.xaxis)
    axes.clear()
    plot(counts, [[1, 2, 3], [2, 2, 4]], axes=axes)
    assert whole(axes.xaxis) and whole(axes.yaxis)
    plot(counts, [1.5, 2, 3], axes=axes)
    assert whole(axes.xaxis) and not whole(axes.yaxis)


def test_an_animator_has_ticks_at_whole_epochs():
    animator = Animator()
    for epoch in range(1, 4):
        animator.add(epoch, 1 / epoch)
    (axes,) = animator.axes
    assert all(tick == int(tick) for tick in axes.get_xticks())


DAYS = [datetime.date(2027, 1, day) for day in (1, 2, 3)]
HOURS = [datetime.datetime(2027, 1, 1, hour) for hour in (0, 6, 12)]


STRINGS = (
    [np.array(["cpu", "gpu", "tpu"], dtype=np.dtypes.StringDType())]
    if hasattr(np.dtypes, "StringDType")  # since NumPy 2
    else []
)


@pytest.mark.parametrize(
    "names",
    [
        ["cpu", "gpu", "tpu"],
        ("cpu", "gpu", "tpu"),
        np.array(["cpu", "gpu", "tpu"]),
        np.array(["cpu", "gpu", "tpu"], dtype=object),
        *STRINGS,
        {"cpu": 1, "gpu": 2, "tpu": 3}.keys(),
        tf.constant(["cpu", "gpu", "tpu"]),
        pandas.Series(["cpu", "gpu", "tpu"]),
        pandas.Categorical(["cpu", "gpu", "tpu"]),
    ],
    ids=lambda names: type(names).__name__,
)
def test_names_stand_along_x_as_matplotlib_shows_them(axes, names):
    plot(names, [1, 2, 3], axes=axes)
    assert ticks(axes) == (["cpu", "gpu", "tpu"], "")
    assert axes.lines[0].get_xdata(orig=False).tolist() == [0, 1, 2]


def test_names_keep_the_order_in_which_they_come(axes):
    plot([["b", "a"], ["a", "c"], ["b", "10", "9"]], [Y[:2], Z[:2], Y], axes=axes)
    assert ticks(axes)[0] == ["b", "a", "c", "10", "9"]
    assert axes.lines[2].get_xdata(orig=False).tolist() == [0, 3, 4]


@pytest.mark.parametrize(
    "dates",
    [
        DAYS,
        [datetime.datetime(2027, 1, day) for day in (1, 2, 3)],
        np.array(DAYS, dtype="datetime64[D]"),
        np.array(DAYS, dtype="datetime64[ns]"),
        [np.datetime64(day) for day in DAYS],
        [np.datetime64("2027-01-01", "ns"), datetime.date(2027, 1, 2), HOURS[0].replace(day=3)],
        [pandas.Timestamp(day) for day in DAYS],
        pandas.Series(DAYS, dtype="datetime64[ns]"),
        pandas.date_range("2027-01-01", periods=3),
        pandas.date_range("2027-01-01", periods=3, tz="UTC"),
        iter(DAYS),
    ],
    ids=lambda dates: (
        f"{type(dates).__name__} of {type(next(iter(dates))).__name__}"
        if not isinstance(dates, Iterator)
        else "iterator"
    ),
)
def test_dates_stand_along_x_as_matplotlib_shows_them(axes, dates):
    plain = Figure().add_subplot()
    plain.plot(DAYS, [1, 2, 3])
    plot(dates, [1, 2, 3], axes=axes)
    assert ticks(axes) == ticks(plain)
    assert axes.lines[0].get_xdata(orig=False).tolist() == [20819, 20820, 20821]  # since 1970


def test_curves_over_dates_of_several_kinds_share_an_axis(axes):
    plot([DAYS, np.array(HOURS, dtype="datetime64[s]")], [Y, Z], axes=axes)
    assert axes.lines[1].get_xdata(orig=False).tolist() == [20819, 20819.25, 20819.5]


ZONE = datetime.timezone(datetime.timedelta(hours=2))


@pytest.mark.parametrize(
    "dates",
    [
        np.array(["2027-01-01", "NaT", "2027-01-03"], dtype="datetime64[D]"),
        [np.datetime64("2027-01-01"), np.datetime64("NaT"), DAYS[2]],
        [pandas.Timestamp(DAYS[0]), pandas.NaT, pandas.Timestamp(DAYS[2])],
        [DAYS[0], None, datetime.datetime(2027, 1, 3, 2, tzinfo=ZONE)],
    ],
)
def test_a_date_may_be_missing_and_limits_may_be_dates(axes, dates):
    plot(dates, Y, xlim=(None, np.datetime64("2027-01-05")), axes=axes)
    np.testing.assert_equal(axes.lines[0].get_xdata(orig=False), [20819, np.nan, 20821])
    assert axes.get_xlim()[1] == 20823
    plot(DAYS, Y, xlim=(datetime.date(2026, 12, 31), None), axes=axes)
    assert axes.get_xlim() == (20818, 20823)


def test_a_small_figure_has_few_dates_which_name_what_they_share_once():
    plot(DAYS[:2], [1, 2])
    assert ticks(plt.gcf().axes[0]) == (
        ["Jan-01", "06:00", "12:00", "18:00", "Jan-02"],
        "2027-Jan-02",
    )
    plot([hour.replace(tzinfo=ZONE) for hour in HOURS], Y)
    assert ticks(plt.gcf().axes[0])[0] == ["Jan-01", "03:00", "06:00", "09:00", "12:00"]


def test_other_arguments_work_with_names_and_dates(axes):
    plot(["a", "b"], [1, 10], "x", "y", ["n"], ylim=(1, 100), yscale="log", fmts="r--", axes=axes)
    assert ticks(axes)[0] == ["a", "b"]
    assert axes.get_yscale() == "log"
    plot(["b", "c"], [2, 3], axes=axes)
    assert ticks(axes)[0] == ["a", "b", "c"]
    plot(["alone"], [1])
    assert ticks(plt.gcf().axes[0])[0] == ["alone"]


def test_a_locator_of_the_caller_is_kept(axes):
    axes.xaxis.set_major_locator(matplotlib.ticker.FixedLocator([0, 1]))
    plot(X, Y, axes=axes)
    assert axes.get_xticks().tolist() == [0, 1]


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (["a", 1], "numbers only, names only, or dates only, got str, int: "),
        (["a", None], "numbers only, names only, or dates only, got str, NoneType: "),
        ([DAYS[0], 1], "numbers only, names only, or dates only, got date, int: "),
        ([DAYS[0], "a"], "numbers only, names only, or dates only, got date, str: "),
        ([datetime.time(1), datetime.time(2)], "or dates only, got time: "),
        ([datetime.timedelta(1)] * 2, "or dates only, got timedelta: "),
        (pandas.period_range("2027-01", periods=2, freq="M"), "or dates only, got Period: "),
        ([["a", "b"], [1, 2]], "all be numbers, names, or dates, got names, numbers"),
        ([DAYS[:2], ["a", "b"]], "all be numbers, names, or dates, got dates, names"),
    ],
)
def test_a_mixture_along_x_is_refused(axes, x, match):
    with pytest.raises(TypeError, match=match):
        plot(x, [[1, 2], [3, 4]] if isinstance(x[0], list) else [1, 2], axes=axes)
    assert drawn(axes) == []


@pytest.mark.parametrize(("x", "kind"), [(["a", "b"], "names"), (DAYS[:2], "dates")])
def test_only_numbers_have_another_scale(axes, x, kind):
    with pytest.raises(ValueError, match=f"'linear' where x holds {kind}, got 'log'"):
        plot(x, [1, 2], xscale="log", axes=axes)


@pytest.mark.parametrize("y", [["a", "b"], DAYS[:2], np.array(DAYS[:2], dtype="datetime64[D]")])
def test_y_takes_numbers_only(axes, y):
    for arguments in ([y], [[1, 2], y]):
        with pytest.raises(TypeError, match="numbers can be drawn"):
            plot(*arguments, axes=axes)


def test_plot_leaves_a_gap_where_a_value_is_missing(axes):
    plot(X, [[1, None, 3], [1, float("nan"), 3]], axes=axes)
    for line in axes.lines:
        assert np.isnan(line.get_ydata()).tolist() == [False, True, False]


def test_plot_leaves_a_gap_where_a_value_is_masked(axes):
    plot(np.ma.array([1, 200, 3], dtype=np.uint8, mask=[0, 1, 0]), axes=axes)
    np.testing.assert_equal(axes.lines[0].get_ydata(), [1, np.nan, 3])


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (([1, 2], [1, 2, 3]), ValueError, "curve 0: x holds 2 values and y holds 3"),
        ((X, [Y, [1, 2]]), ValueError, "curve 1: x holds 3 values and y holds 2"),
        (([X, X, X], [Y, Z]), ValueError, "got 3 in X and 2 in Y"),
        ((np.zeros((2, 2, 2)),), ValueError, r"\(curves, n\), got \(2, 2, 2\)"),
        (([np.zeros((2, 3))],), ValueError, r"shape \(n,\), got \(2, 3\)"),
        (([[1, 2], 3],), ValueError, "either numbers or curves, not both: got 3"),
        (([[1, 2], None],), ValueError, "either numbers or curves, not both: got None"),
        (("abc",), TypeError, "only real numbers can be drawn, got <U3"),
        (([1j],), TypeError, "only real numbers can be drawn, got complex"),
        (([object()],), TypeError, "only numbers can be drawn"),
        (([1j, 2], [1, 2]), TypeError, "only real numbers can be drawn, got complex"),
    ],
)
def test_plot_says_what_is_wrong_with_the_data(axes, arguments, error, match):
    with pytest.raises(error, match=match):
        plot(*arguments, axes=axes)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"legend": ["a", "b"]}, ValueError, "legend names 2 curves, but there are 1"),
        ({"figsize": 3}, TypeError, r"\(width, height\) in inches, both positive, got 3"),
        ({"figsize": (3, 0)}, ValueError, r"got \(3, 0\)"),
        ({"figsize": (1, 2, 3)}, ValueError, r"got \(1, 2, 3\)"),
        ({"xscale": "banana"}, ValueError, "banana"),
        ({"fmts": "zz"}, ValueError, "zz"),
        ({"fmts": 3}, TypeError, "fmts must be a list, got 3"),
        ({"legend": 3}, TypeError, "legend must be a list, got 3"),
        ({"xlim": 3}, TypeError, r"xlim must be \(smallest, largest\), got 3"),
        ({"ylim": [1, 2, 3]}, ValueError, r"ylim must be \(smallest, largest\), got \[1, 2, 3\]"),
        ({"xlim": ("a", "b")}, TypeError, r"xlim must be \(smallest, largest\), got \('a', 'b'\)"),
        ({"axes": plt.Figure().subplots(1, 2)}, TypeError, r"got ndarray; .* as in axes\[0\]"),
        ({"axes": plt}, TypeError, "axes must be one Axes of Matplotlib's, got module"),
    ],
)
def test_plot_says_what_is_wrong_with_the_options(options, error, match):
    with pytest.raises(error, match=match):
        plot(Y, **options)
    assert plt.get_fignums() == []  # or plt.show() would show an empty one


@pytest.mark.parametrize(
    ("limits", "shown"),
    [
        ([1, 2], (1, 2)),
        (np.array([1, 2]), (1, 2)),
        (torch.tensor([1.0, 2.0], requires_grad=True), (1, 2)),
        (tf.Variable([1.0, 2.0]), (1, 2)),
        ([torch.tensor(1.0, requires_grad=True), torch.tensor(2)], (1, 2)),
        ((tf.constant(1.0), tf.Variable(2.0)), (1, 2)),
        ((None, tf.constant(1.5)), (0, 1.5)),
    ],
)
def test_limits_come_in_every_form(axes, limits, shown):
    axes.margins(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot(X, Y, xlim=limits, axes=axes)
    assert axes.get_xlim() == shown


def test_plot_sets_up_the_axes(axes):
    plot(X, [Y, Z], "x", "y", ["a"], (1, 2), (1, 10), "linear", "log", axes=axes)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")
    assert (axes.get_xlim(), axes.get_ylim()) == ((1, 2), (1, 10))
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a"]


def test_plot_on_given_axes_adds_to_them(axes):
    plot(X, Y, xlabel="x", legend="first", axes=axes)
    plot(X, Z, legend=["second"], axes=axes)
    assert drawn(axes) == [(X, Y), (X, Z)]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["first", "second"]
    assert axes.get_xlabel() == "x"
    assert axes.lines[0].get_color() != axes.lines[1].get_color()


def test_thirty_curves_differ(axes):
    plot([Y] * 31, axes=axes)
    looks = [
        (line.get_color(), str(line.get_linestyle()), str(line._unscaled_dash_pattern))
        for line in axes.lines
    ]
    assert len(set(looks)) == 30


def test_formats_cycle(axes):
    plot([Y] * 3, fmts=(fmt for fmt in ["r--", "g:"]), axes=axes)
    assert [(line.get_color(), line.get_linestyle()) for line in axes.lines] == [
        ("r", "--"),
        ("g", ":"),
        ("r", "--"),
    ]


def test_a_single_point_is_visible(axes):
    plot([[1.0], [1.0, 2.0]], axes=axes)
    assert [line.get_marker() for line in axes.lines] == [".", "None"]


def test_in_a_script_pyplot_has_the_figure(monkeypatch):
    plot(X, Y, figsize=(4, 3))
    figure = plt.gcf()
    assert drawn(figure.axes[0]) == [(X, Y)]
    assert figure.get_size_inches().tolist() == [4, 3]


def test_a_salt_of_the_user_stays():
    matplotlib.rcParams["svg.hashsalt"] = "mine"
    plot(X, Y)
    assert matplotlib.rcParams["svg.hashsalt"] == "mine"
    matplotlib.rcParams["svg.hashsalt"] = None
    plot(X, Y)
    assert matplotlib.rcParams["svg.hashsalt"] == "d2lcompute"


def test_figures_are_dark_on_white_whatever_the_style():
    with plt.style.context("dark_background"):
        plot(X, Y, legend=["a"])
        figure = plt.gcf()
    assert matplotlib.colors.to_hex(figure.get_facecolor()) == "#ffffff"
    axes = figure.axes[0]
    assert matplotlib.colors.to_hex(axes.get_facecolor()) == "#ffffff"
    assert axes.xaxis.label.get_color() == "#222222"
    assert axes.get_legend().get_texts()[0].get_color() == "#222222"


def _linear(color):
    c = np.array(matplotlib.colors.to_rgb(color))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1


def _lab(linear):
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(to_xyz @ np.clip(linear, 0, 1) / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency" (2009), severity 1.0.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_can_be_told_apart(sight):
    seen = [_lab(np.array(SIGHT[sight]) @ _linear(color)) for color in plotting._COLORS]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 15


def test_colours_stand_out_on_white_and_the_first_four_differ_in_grey():
    luminance = [_linear(color) @ [0.2126, 0.7152, 0.0722] for color in plotting._COLORS]
    assert min(1.05 / (y + 0.05) for y in luminance) >= 3  # WCAG 2.2, 1.4.11
    lightness = sorted(116 * np.cbrt(y) - 16 for y in luminance[:4])
    assert min(np.diff(lightness)) > 10


def test_set_axes_leaves_what_it_is_not_given(axes):
    axes.set_xlabel("kept")
    axes.plot(X, Y)
    set_axes(axes, None, "y", None, None, "linear", "linear", ["a"])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("kept", "y")
    with pytest.raises(ValueError, match="legend names 2 curves"):
        set_axes(axes, None, None, None, None, "linear", "linear", ["a", "b"])


def test_set_figsize():
    set_figsize((2, 1))
    assert plt.figure().get_size_inches().tolist() == [2, 1]
    with pytest.raises(ValueError, match=r"got \(-1, 2\)"):
        set_figsize((-1, 2))


@pytest.mark.parametrize("make", [np.array, torch.tensor, tf.constant])
def test_heatmaps_share_one_scale(make):
    values = np.arange(24.0).reshape(1, 2, 3, 4)
    show_heatmaps(make(values), "Keys", "Queries", titles=["a", "b"])
    *axes, bar = plt.gcf().axes
    assert {ax.images[0].get_clim() for ax in axes} == {(0, 23)}
    assert axes[1].images[0].get_array().tolist() == values[0, 1].tolist()
    assert [ax.get_title() for ax in axes] == ["a", "b"]
    assert bar.get_ylim() == (0, 23)


def test_heatmaps_of_nan():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        show_heatmaps([[[[float("nan"), 1.0], [3.0, float("inf")]]]], "x", "y")
        assert plt.gcf().axes[0].images[0].get_clim() == (1, 3)
        show_heatmaps([[[[float("nan")]]]], "x", "y")
        plt.gcf().canvas.draw()


@pytest.mark.parametrize("values", [[[[["a"]]]], [[[DAYS]]]])
def test_heatmaps_take_numbers_only(values):
    with pytest.raises(TypeError, match="numbers can be drawn"):
        show_heatmaps(values, "x", "y")


@pytest.mark.parametrize("shape", [(2, 2), (1, 2, 2), (1, 0, 2, 2)])
def test_heatmaps_of_the_wrong_shape(shape):
    with pytest.raises(ValueError, match=r"\(rows, columns, height, width\)"):
        show_heatmaps(np.zeros(shape), "x", "y")


def test_heatmaps_with_too_few_titles():
    with pytest.raises(ValueError, match="titles must hold 2 titles, one a column, got"):
        show_heatmaps(np.zeros((1, 2, 2, 2)), "x", "y", titles=["a"])
    with pytest.raises(TypeError, match="titles must be a list, got 3"):
        show_heatmaps(np.zeros((1, 2, 2, 2)), "x", "y", titles=3)
    with pytest.raises(ValueError, match="zz"):
        show_heatmaps(np.zeros((1, 2, 2, 2)), "x", "y", cmap="zz")
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("half", "two", "one"),
    [
        (0.5, 2, 1.0),
        (torch.tensor(0.5, requires_grad=True), torch.tensor(2), torch.tensor(1.0)),
        (tf.constant(0.5), tf.constant(2), tf.constant(1.0, tf.bfloat16)),
    ],
)
def test_animator_keeps_every_point(half, two, one):
    animator = Animator("epoch", "loss", ["train", "test"], xlim=(0, 3))
    animator.add(1, (half, None))
    animator.add(two, (np.float32(0.25), one))
    animator.add(3, [float("nan"), 2])
    assert animator.X == [[1, 2, 3], [2, 3]]
    assert animator.Y[1] == [1, 2]
    assert animator.Y[0][:2] == [0.5, 0.25] and np.isnan(animator.Y[0][2])
    assert drawn(animator.axes[0])[1] == ([2, 3], [1, 2])
    assert animator.axes[0].get_xlim() == (0, 3)
    assert animator.fig.axes[0].get_ylim()[1] > 1.9


def test_animator_takes_one_curve_more_curves_and_an_x_for_each():
    animator = Animator()
    animator.add(1, 2)
    animator.add(2, np.array([3, 4, 5]))
    animator.add([3, 4, 5], {"a": 6, "b": 7, "c": 8}.values())
    animator.add(6, (None for _ in range(3)))
    assert animator.X == [[1, 2, 3], [2, 4], [2, 5]]
    assert animator.Y == [[2, 3, 6], [4, 7], [5, 8]]
    assert len(animator.axes[0].lines) == 3


def test_animator_takes_dates():
    animator = Animator("day", xlim=(datetime.date(2027, 1, 1), datetime.date(2027, 1, 9)))
    animator.add(datetime.date(2027, 1, 1), (1, 2))
    animator.add(np.datetime64("2027-01-02", "ns"), (3, None))
    animator.add([pandas.Timestamp("2027-01-03"), datetime.datetime(2027, 1, 4)], (5, 6))
    assert animator.X[1] == [datetime.date(2027, 1, 1), datetime.datetime(2027, 1, 4)]
    assert animator.Y == [[1, 3, 5], [2, 6]]
    (axes,) = animator.axes
    assert axes.lines[0].get_xdata(orig=False).tolist() == [20819, 20820, 20821]
    assert ticks(axes) == (["Jan", "03", "05", "07", "09"], "2027-Jan")
    animator = Animator()
    animator.add(np.array(DAYS, dtype="datetime64[D]"), (1, 2, 3))
    assert [np.datetime64(x, "D") for (x,) in animator.X] == [np.datetime64(x) for x in DAYS]


@pytest.mark.parametrize(("first", "then"), [(1, DAYS[0]), (DAYS[0], 1), (DAYS[0], "a")])
def test_animator_refuses_a_mixture_along_x(first, then):
    animator = Animator()
    animator.add(first, 1)
    with pytest.raises(TypeError, match=r"x was \w+ before, got \w+: |only real numbers"):
        animator.add(then, 1)
    (xs,) = animator.X
    assert xs == [first]


def test_animator_with_several_axes_draws_on_the_first():
    animator = Animator(nrows=2, ncols=2, fmts="r--")
    animator.axes[3].plot(X, Y)
    animator.add(1, 2)
    assert len(animator.axes) == 4
    assert drawn(animator.axes[3]) == [(X, Y)]
    assert animator.axes[0].lines[0].get_color() == "r"


@pytest.mark.parametrize(
    ("x", "y", "error", "match"),
    [
        ([1, 2], [1, 2, 3], ValueError, "one for each of the 3 values of y, got 2"),
        (1, np.zeros((2, 2)), ValueError, "y must be a number or one-dimensional"),
        (1, [[1, 2]], ValueError, "each value of y must be one number"),
        (1, "abc", TypeError, "only real numbers"),
        ("a", 1, TypeError, "only real numbers"),
    ],
)
def test_animator_refuses(x, y, error, match):
    animator = Animator()
    with pytest.raises(error, match=match):
        animator.add(x, y)
    assert animator.X == []


def test_animator_goes_on_after_a_bad_format():
    animator = Animator(fmts=["r", "zz", "g"])
    with pytest.raises(ValueError, match="zz"):
        animator.add(1, (2, 3))
    animator.add(1, (2, 3))
    assert drawn(animator.axes[0]) == [([1], [2]), ([1], [3])]


def test_animator_refuses_no_rows():
    with pytest.raises(ValueError, match="nrows must be an integer of at least 1, got 0"):
        Animator(nrows=0)


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor([0.5, 2.0], dtype=torch.float8_e4m3fn),
        torch.tensor([0.5, 2.0], dtype=torch.bfloat16, requires_grad=True),
        tf.constant([0.5, 2.0], tf.bfloat16),
        tf.cast(tf.constant([0.5, 2.0]), tf.dtypes.experimental.float8_e5m2),
    ],
)
def test_arrays_of_what_numpy_has_no_type_for(value):
    array = to_numpy(value)
    assert array.dtype == np.float32 and array.tolist() == [0.5, 2.0]


@pytest.mark.frameworks("pytorch")
@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_arrays_of_complex_and_of_whole_numbers():
    assert to_numpy(torch.tensor([1 + 2j]).conj()).tolist() == [1 - 2j]
    assert to_numpy(torch.tensor([1 + 2j]).to(torch.complex32)).tolist() == [1 + 2j]
    assert to_numpy(torch.tensor([1, 2])).dtype == np.int64
