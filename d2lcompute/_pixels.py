"""A canvas for SVG on which figures of very many points stay small: their data become an image.

Matplotlib writes one element for each point of a scatter plot, about 100 bytes. Axes, labels and
legends stay vector graphics, and so does a figure that is saved under a file's name.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import Collection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

_MANY_POINTS = 5_000  # in a figure; as vector graphics these take up to 0.5 MB
_DPI = 200  # sharp on a phone, where an inch of a figure is 72 to 216 pixels


class FigureCanvas(FigureCanvasSVG):
    """What `matplotlib.backend_bases.register_backend` takes for "svg"."""

    def print_svg(
        self,
        filename: str | os.PathLike[str] | IO[Any],
        *,
        bbox_inches_restore: Any = None,
        metadata: Any = None,
        **unused: Any,  # such as the colours, which the figure has already
    ) -> None:
        """Write the figure; into a stream, as notebooks do, with dense data as an image."""
        options = {"bbox_inches_restore": bbox_inches_restore, "metadata": metadata}
        artists = _data(self.figure)
        if isinstance(filename, str | os.PathLike) or sum(map(_points, artists)) <= _MANY_POINTS:
            super().print_svg(filename, **options)
            return
        with _rasterized(artists):
            self.figure.dpi = _DPI  # `print_figure`, which calls this, restores it
            super().print_svg(filename, **options)


def _data(figure: Figure) -> list[Artist]:
    """Return what shows data, without axes, ticks and texts."""
    return [
        artist
        for axes in figure.findobj(Axes)
        for artist in (*axes.lines, *axes.collections, *axes.patches)
        if artist.get_visible()
    ]


def _points(artist: Artist) -> int:
    """Return about how many points an SVG of `artist` lists."""
    if isinstance(artist, Line2D):
        return np.size(artist.get_xdata(orig=True))
    if isinstance(artist, QuadMesh):
        return np.size(artist.get_coordinates()) // 2
    if isinstance(artist, Collection):
        shapes = sum(np.size(path.vertices) for path in artist.get_paths())
        return max(np.size(artist.get_offsets()), shapes) // 2
    return np.size(artist.get_path().vertices) // 2 if isinstance(artist, Patch) else 0


@contextmanager
def _rasterized(artists: list[Artist]) -> Iterator[None]:
    before = [(artist, artist.get_rasterized()) for artist in artists]
    with warnings.catch_warnings(action="ignore"):  # in 3D, artists ignore it and say so
        for artist in artists:
            artist.set_rasterized(True)
    try:
        yield
    finally:
        for artist, rasterized in before:
            artist.set_rasterized(rasterized)
