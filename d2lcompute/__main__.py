"""``python -m d2lcompute``: print which versions are installed, and whether they work.

``python -m d2lcompute live`` starts a server that runs the cells of the book's pages.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field

from d2lcompute import __version__, _live
from d2lcompute._frameworks import FRAMEWORKS
from d2lcompute._terminal import printable

_TIMEOUT = 180  # seconds; the first import on a cold disk can take a minute
_PROBE = [sys.executable, "-m", "d2lcompute._probe"]
_LOG_LINE = re.compile(r"[IWE]\d{4} |WARNING: All log messages|\s*$")


@dataclass
class _Report:
    """The state of one framework."""

    versions: dict[str, str] = field(default_factory=dict)
    devices: list[dict[str, str | None]] = field(default_factory=list)
    problem: str | None = None

    @property
    def works(self) -> bool:
        """Whether at least one device gave the right answer."""
        return any(device["problem"] is None for device in self.devices)


def _examine(module: str) -> _Report:
    """Try out a framework in a separate process, because it may crash or hang."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:  # missing, or only a folder of that name
        return _Report(problem=f"not installed in this Python; pip install {module}")
    environment = os.environ | {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "KERAS_BACKEND": "tensorflow"}
    report = _Report()
    try:
        done = subprocess.run(
            [*_PROBE, module],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
        )
        output, errors, status = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as expired:
        output, errors, status = expired.stdout or b"", b"", 0
        report.problem = f"no answer within {_TIMEOUT} s"
    for line in output.decode(errors="replace").splitlines():
        if line.startswith('{"versions":'):
            report.versions = json.loads(line)["versions"]
        elif line.startswith('{"device":'):
            report.devices.append(json.loads(line))
    if status:
        lines = errors.decode(errors="replace").splitlines()
        last = next((line for line in reversed(lines) if not _LOG_LINE.match(line)), "")
        report.problem = f"{_ending(status)}: {last}" if last else _ending(status)
    return report


def _ending(status: int) -> str:
    """Describe the exit status of a process that failed."""
    if status > 0:
        return "fails"
    try:
        return f"crashes with {signal.Signals(-status).name}"
    except ValueError:
        return f"crashes with signal {-status}"


def _describe(name: str, report: _Report) -> list[str]:
    """Return the lines of the report on one framework."""
    title = ", ".join(f"{part} {version}" for part, version in report.versions.items()) or name
    state = report.problem or ("works" if report.works else "works on no device")
    return [f"{title}: {state}"] + [
        f"  {device['device']} ({device['name']}): {device['problem'] or 'works'}"
        for device in report.devices
    ]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _anonymous(text: str) -> str:
    """Return `text` with "~" for the home folder, whose name is often the user's."""
    home = os.path.expanduser("~")
    return text.replace(home, "~") if len(home) > 1 else text


def main(arguments: list[str] | None = None) -> int:
    """Print the report, or serve; return 0 if that worked and 1 otherwise.

    The report worked if at least one framework does.

    Args:
        arguments: the arguments of the command line, without the program's name.

    Raises:
        SystemExit: with status 0 after --help, and with status 2 for an unknown argument.
    """
    parser = argparse.ArgumentParser(
        prog="python -m d2lcompute",
        description="Show versions, devices, and whether PyTorch and TensorFlow work here. "
        "Please paste the output into bug reports.",
        epilog="Exit status: 0 if at least one framework works, 1 if none does.",
    )
    live = parser.add_subparsers(metavar="COMMAND").add_parser(
        "live",
        help="start a Jupyter server that runs the cells of the book's pages",
        description="Start a Jupyter server on this machine, and open a page of the book whose "
        "cells run there. Stop it with Ctrl-C.",
    )
    live.add_argument("page", nargs="?", default="", help="the address of the page in the book")
    live.add_argument("--port", type=int, default=_live.PORT, help="default: %(default)s")
    live.set_defaults(run=_serve)
    options = parser.parse_args(arguments)
    return options.run(options) if "run" in options else _print_report()


def _serve(options: argparse.Namespace) -> int:
    try:
        _live.serve(options.page, options.port)
    except _live.LiveError as error:
        print(printable(f"error: {error}"), file=sys.stderr)
        return 1
    return 0


def _print_report() -> int:
    for line in (
        f"d2lcompute {__version__}",
        f"Python {platform.python_version()} on {platform.platform()}",
        f"NumPy {_version('numpy')}, Matplotlib {_version('matplotlib')}",
    ):
        print(printable(line), flush=True)
    reports = []
    for one in FRAMEWORKS.values():
        if one.helpers:
            reports.append(_examine(one.helpers))
            text = "\n".join(_describe(one.title, reports[-1]))
            print(printable(_anonymous(text)), flush=True)
    return 0 if any(report.works for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
