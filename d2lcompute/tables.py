"""A model's parameters as a table, for any framework."""

from dataclasses import dataclass, field
from html import escape

_COLUMNS = ("name", "shape", "dtype", "count", "bytes", "device", "trainable")
_RIGHT = {"count", "bytes"}
_UNBUILT = "not built yet"


@dataclass(frozen=True)
class Row:
    """One parameter or buffer of a model.

    Attributes:
        name: its path in the model.
        shape: its shape; None while it is not built yet.
        dtype: the name of its dtype, such as 'float32'.
        count: the number of its elements; None while it is not built yet.
        bytes: its memory; None while it is not built yet.
        device: the device that stores it.
        trainable: whether an optimizer may change it.
        also: its other names, if the model uses it in several places.
        buffer: whether it is a buffer of PyTorch: state that is not a parameter.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: str
    count: int | None
    bytes: int | None
    device: str
    trainable: bool
    also: tuple[str, ...] = ()
    buffer: bool = False

    def cells(self) -> dict[str, str]:
        """Return the text of each column."""
        unbuilt = self.shape is None
        return {
            "name": f"{self.name} (also {', '.join(self.also)})" if self.also else self.name,
            "shape": _UNBUILT if unbuilt else str(self.shape),
            "dtype": self.dtype,
            "count": "" if self.count is None else f"{self.count:,}",
            "bytes": "" if self.bytes is None else f"{self.bytes:,}",
            "device": self.device,
            "trainable": "yes" if self.trainable else "no (buffer)" if self.buffer else "no",
        }


@dataclass(frozen=True, repr=False)
class ParameterTable:
    """The parameters and buffers of a model; a notebook and `print` show it as a table.

    A parameter that is used in several places is one row and is counted once. A parameter
    that is not built yet is not counted.

    Attributes:
        rows: one `Row` for each parameter, then one for each buffer.
    """

    rows: tuple[Row, ...] = field(default=())

    @property
    def total(self) -> int:
        """The number of elements of all parameters, without buffers."""
        return self.trainable + self.non_trainable

    @property
    def trainable(self) -> int:
        """The number of elements of the trainable parameters."""
        return sum(row.count or 0 for row in self.rows if row.trainable)

    @property
    def non_trainable(self) -> int:
        """The number of elements of the parameters that are not trainable."""
        return sum(row.count or 0 for row in self.rows if not row.trainable and not row.buffer)

    @property
    def buffers(self) -> int:
        """The number of elements of the buffers."""
        return sum(row.count or 0 for row in self.rows if row.buffer)

    @property
    def bytes(self) -> int:
        """The memory of all parameters and buffers, in bytes."""
        return sum(row.bytes or 0 for row in self.rows)

    def _totals(self) -> list[tuple[str, str]]:
        totals = [
            ("parameters", f"{self.total:,}"),
            ("trainable", f"{self.trainable:,}"),
            ("not trainable", f"{self.non_trainable:,}"),
        ]
        if any(row.buffer for row in self.rows):
            totals.append(("in buffers", f"{self.buffers:,}"))
        totals.append(("bytes", f"{self.bytes:,}"))
        if unbuilt := sum(row.shape is None for row in self.rows):
            totals.append((_UNBUILT, f"{unbuilt:,}"))
        return totals

    def __str__(self) -> str:
        lines = [dict(zip(_COLUMNS, _COLUMNS, strict=True)), *(row.cells() for row in self.rows)]
        widths = {column: max(len(line[column]) for line in lines) for column in _COLUMNS}
        text = [
            "  ".join(
                line[column].rjust(width) if column in _RIGHT else line[column].ljust(width)
                for column, width in widths.items()
            ).rstrip()
            for line in lines
        ]
        text.append("total: " + ", ".join(f"{name} {value}" for name, value in self._totals()))
        return "\n".join(text)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col"{_alignment(column)}>{column}</th>' for column in _COLUMNS)
        body = []
        for row in self.rows:
            cells = {column: escape(text) for column, text in row.cells().items()}
            name = cells.pop("name")
            data = "".join(_cell(column, text) for column, text in cells.items())
            body.append(f'<tr><th scope="row">{name}</th>{data}</tr>\n')
        foot = ", ".join(f"{name} {value}" for name, value in self._totals())
        return (
            f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{''.join(body)}</tbody>\n"
            f'<tfoot><tr><th scope="row">total</th>'
            f'<td colspan="{len(_COLUMNS) - 1}">{foot}</td></tr></tfoot>\n</table>'
        )


def _cell(column: str, text: str) -> str:
    return f"<td{_alignment(column)}>{text}</td>"


def _alignment(column: str) -> str:
    """Return the style of a column: numbers are right-aligned."""
    return ' style="text-align: right"' if column in _RIGHT else ""
