"""Files that an answer writes, as plain data: out of one process and into another.

def run(answer, given, f):  # in the student's process
    with scratch() as folder:
        answer(make_layers(given.chain, f), folder / "net.pt")
        return contents(folder / "net.pt")

def inspect(given, found, f):  # in a fresh one
    with laid_out({"net.pt": found}) as folder:
        return dict(torch.load(folder / "net.pt", weights_only=True))
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from d2lexercises.faults import WrongKind

MOST_BYTES = 4 * 2**20  # of all files together: what one reply of a sandbox can carry


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder, which is deleted at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="d2l-") as folder:
        yield Path(folder)


def contents(path: Path) -> Any:
    """The bytes of a file; of a folder, the bytes of each file by its path there, with slashes.

    Raises:
        WrongKind: there is no such file, an empty folder, or more than `MOST_BYTES` bytes.
    """
    paths = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    if not paths or not all(one.is_file() for one in paths):
        raise WrongKind(f"A file {path.name} is expected; there is none.")
    if (size := sum(one.stat().st_size for one in paths)) > MOST_BYTES:
        raise WrongKind(f"{path.name} has {size:,} bytes; at most {MOST_BYTES:,} can be judged.")
    if not path.is_dir():
        return path.read_bytes()
    return {one.relative_to(path).as_posix(): one.read_bytes() for one in paths}


@contextmanager
def laid_out(files: Mapping[str, Any]) -> Iterator[Path]:
    """A folder with these files, by their paths there; deleted at the end of the block.

    Raises:
        WrongKind: what came are no files, or a path leads out of the folder.
    """
    with scratch() as folder:
        if not isinstance(files, Mapping):
            raise WrongKind("Files are expected.")
        for name, data in files.items():
            place = PurePosixPath(name)
            if place.is_absolute() or ".." in place.parts or "\0" in name or not place.parts:
                raise WrongKind(f"A file cannot be called {name[:100]!r}.")
            if not isinstance(data, bytes):
                raise WrongKind(f"The content of the file {name[:100]} is expected as bytes.")
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_bytes(data)
        yield folder
