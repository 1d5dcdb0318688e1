"""Which exceptions come from where code runs, and not from the code.

A notebook that ran on its author's machine may fail on another: a module, a file, a GPU, a window
or a newer Python is missing. The grader goes on after such a failure and says what was missing. It
is the only one that sets `watching`; in a notebook nothing here is used.
"""

from __future__ import annotations

import builtins
import linecache
import locale
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

watching = False  # whether `reason_in_answer` looks at exceptions
lost: dict[str, str] = {}  # names that no statement could bind here, and why
unknown: list[str] = []  # why statements failed here that may bind any name
changed: dict[str, str] = {}  # names of objects that no statement could change here, and why
binding: dict[str, list[int]] = {}  # names that cells bind, and the numbers of these cells
running = 0  # the number of the cell that runs
bound: set[str] = set()  # names that cells so far bind, whether they ended or not
in_answers: list[Callable[[BaseException], str]] = []  # further reasons why an answer fails
_MOST_UNKNOWN = 3

# Words in an exception's message, or in the line that raised it, that speak of the machine.
_DEVICES = re.compile(
    r"cuda|cudnn|gpu|\btpu|\bmps\b|\bxla\b|nvidia|nvml|\brocm\b|\bhip\b|colab|kaggle|gdrive"
    r"|\$?\bdisplay\b.*\b(?:name|variable|connect)|no display|headless|interactive framework",
    re.IGNORECASE,
)
# What frameworks say where there is no GPU at all.
_NO_DEVICE = re.compile(
    r"not compiled with (?:CUDA|XPU|ROCm)|No CUDA GPUs|no NVIDIA driver|not linked with support for"
    r"|MPS backend|deserialize object on a CUDA|CUDA (?:error|driver|initialization)"
    r"|CUDA is not available|unknown device for graph|Could not satisfy (?:device|explicit)"
    r"|accelerator device when none|instantiate dummy base class|requires CUDA support"
    r"|without ATen_cuda library|NVTX functions not installed|no pinned memory allocator",
    re.IGNORECASE,
)
# What compilers and the frameworks that call them say, and what libraries say of what they removed.
_NO_COMPILER = re.compile(
    r"Error building extension|Ninja is required|C\+\+ compile error|[Cc]ompiler\b.{1,200}not found"
)
_REMOVED = re.compile(
    r"deprecated alias|was removed in|(?:has been|was) removed|no longer (?:supported|available)"
    r"|not supported in Keras 3"
)
_LOOP_RUNS = re.compile(r"cannot be called from a running event loop|event loop is already running")
# What is installed beside Python, or may be set on another machine only.
_NOT_SET_UP = re.compile(
    r"No time zone found|Dataset not found|Resource .{1,40} not found|latex could not be found"
    r"|failed to execute .{1,100}PATH|not allowed to raise maximum limit"
)
# A line of a notebook that demands something of the machine.
_DEMANDS = re.compile(
    r"^\s*(?:assert|raise)\b.*(?:version|platform|find_spec|exists\(|is_?file\(|is_?dir\(|environ"
    r"|getenv|sys\.modules|hostname|getuser|uname|[Pp]ython ?3|runtime)"
)
# What only Windows has in the modules of Python.
_OF_WINDOWS = re.compile(
    r"(?:get)?[Ww]in|[Oo]leDLL|oledll|Proactor|startfile|add_dll_directory|STARTUPINFO|STARTF_"
    r"|SW_|CREATE_|CTRL_|DETACHED_PROCESS|O_BINARY|[A-Z]+_PRIORITY_CLASS"
)
# Names that notebooks have in Databricks, Deepnote and the like, without an import.
_OF_SERVICES = re.compile(r"dbutils|displayHTML|spark|sqlContext|_?deepnote_\w+|_dntk\w*")
_SPARK_CONTEXT = re.compile(
    r"\bsc\.(?:parallelize|textFile|wholeTextFiles|broadcast|setLogLevel)\b"
)
_NO_USER = re.compile(r"get(?:pwuid|pwnam|grgid|grnam)\(\): ")
_NO_FILE = re.compile(r"File .{1,200} not found")  # of %run
_INTERACTIVE = {"EOFError", "StdinNotImplementedError", "BdbQuit", "TclError", "UsageError"}
_WEB = {"URLError", "HTTPError", "gaierror", "ConnectionError", "ConnectTimeout", "ProxyError",
        "SSLError", "NewConnectionError", "MaxRetryError", "RemoteDisconnected",
        "ConnectionRefusedError", "ConnectionResetError", "LocalEntryNotFoundError",
        "OfflineModeIsEnabled", "HfHubHTTPError"}  # fmt: skip
_COMPILERS = {"InductorError", "CppCompileError", "InvalidCxxCompiler", "CppWrapperCodegenError",
              "TritonMissing", "MissingTritonError"}  # fmt: skip
_CONNECTIONS = {"ConnectionError", "ConnectionRefusedError", "ConnectionResetError"}
_MOST_CAUSES = 10


def reason_of_statement(error: BaseException) -> str:
    """Return why a statement of a notebook fails here, in words; "" if the code is the reason."""
    for one in _with_causes(error):
        if said := _missing(one) or _of_installation(one) or _of_machine(one):
            return said
    return ""


def reason_in_answer(error: BaseException) -> str:
    """Return why an answer fails here, in words; "" if the answer is the reason.

    Files are an answer's own business, unless their folder can only be another machine's.
    """
    if not watching:
        return ""
    for one in _with_causes(error):
        if said := _missing(one) or _of_installation(one):
            return said
        if _kinds(one) & (_WEB - _CONNECTIONS):
            return f"the internet cannot be reached here ({_brief(one)})"
        if isinstance(one, OSError) and _is_elsewhere(one.filename):
            return f"there is no {one.filename} here"
        if _NO_DEVICE.search(_text(one)):
            return f"there is no GPU here ({_brief(one)})"
    return next(filter(None, (said(error) for said in in_answers)), "")


def lose(names: Iterable[str], reason: str) -> None:
    """Note that a statement could not bind these names here."""
    lost.update(dict.fromkeys(names, reason))


def lose_any(reason: str) -> None:
    """Note that a statement could not run here that may bind any name."""
    if reason not in unknown and len(unknown) < _MOST_UNKNOWN:
        unknown.append(reason)


def change(names: Iterable[str], reason: str) -> None:
    """Note that a statement could not run here that may change these objects."""
    changed.update({name: reason for name in names if name not in changed})


def reason_of_use(names: Iterable[str]) -> str:
    """Return why one of these objects is perhaps not as it should be; "" if all are."""
    name = next((one for one in sorted(names) if one in changed), "")
    return name and f"{changed[name]}; this may be what changes {name}"


def bind(names: Iterable[str]) -> None:
    """Note which names a cell binds. If one of them is missing later, the cell is the reason."""
    bound.update(names)


def is_inherited(error: BaseException) -> bool:
    """Return whether a statement fails for the lack of a name that an earlier one lost."""
    return any(isinstance(one, NameError) and _missing(one) for one in _with_causes(error))


def _missing(error: BaseException) -> str:
    """Return which module or name is missing here."""
    if isinstance(error, NameError):
        name = getattr(error, "name", None) or ""
        below = next((number for number in binding.get(name, ()) if number >= running), 0)
        if below and name not in lost and name not in bound:
            return f"cell {below} defines {name}, further down"
        if name not in lost and name not in bound and _is_of_service(name, error):
            return f"{name} is there in a service only ({_brief(error)})"
        if not name or name in lost or name in bound or not unknown:
            return lost.get(name, "")
        return f"{'; '.join(unknown)}; this may be what defines {name}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"the module {error.name} is not installed here"
    if isinstance(error, ImportError):
        return f"an import fails here ({_brief(error)})"
    return ""


def _is_of_service(name: str, error: BaseException) -> bool:
    if name == "sc":  # others call what they like so
        return bool(_SPARK_CONTEXT.search(_line(error)))
    return bool(_OF_SERVICES.fullmatch(name))


def _is_of_windows(error: AttributeError) -> bool:
    """Return whether a part of one of Python's own modules is missing that only Windows has."""
    module = getattr(error.obj, "__name__", "").partition(".")[0]
    ours = isinstance(error.obj, ModuleType) and module in sys.stdlib_module_names
    return ours and bool(_OF_WINDOWS.match(error.name or ""))


def _of_installation(error: BaseException) -> str:
    """Return what is installed differently here, or set up differently."""
    kinds, text = _kinds(error), _text(error)
    if isinstance(error, AttributeError) and _is_of_windows(error):
        return f"this is no Windows ({_brief(error)})"
    if kinds & _COMPILERS or _NO_COMPILER.search(text):
        return f"code cannot be compiled here ({_brief(error)})"
    if type(error) is locale.Error:
        return f"this language of the system is not installed here ({_brief(error)})"
    if isinstance(error, KeyError) and _NO_USER.search(text):
        return f"the user has no account here ({_brief(error)})"
    if isinstance(error, AttributeError | TypeError) and _REMOVED.search(text):
        return f"another version of a library is installed here ({_brief(error)})"
    return ""


def _of_machine(error: BaseException) -> str:
    kinds, text = _kinds(error), _text(error)
    if kinds & _WEB:
        return f"the internet cannot be reached here ({_brief(error)})"
    if isinstance(error, OSError | EOFError):
        return f"a file or the system differs here ({_brief(error)})"
    if _NOT_SET_UP.search(text):
        return f"something is not installed or not set up here ({_brief(error)})"
    if _LOOP_RUNS.search(text):
        return f"this works in a program only, not in a notebook ({_brief(error)})"
    if _NO_FILE.search(text):
        return f"a file is missing here ({_brief(error)})"
    if kinds & _INTERACTIVE or "SubprocessError" in kinds:
        return f"this works in an interactive session only ({_brief(error)})"
    if isinstance(error, KeyError) and _raised_by(error, os.__file__):
        return f"the environment variable {text} is not set here"
    if _DEMANDS.search(_line(error)):
        return f"the machine differs here ({_brief(error)})"
    if _NO_DEVICE.search(text) or _DEVICES.search(text) or _DEVICES.search(_line(error)):
        return f"a device or a service is missing here ({_brief(error)})"
    return ""


def _with_causes(error: BaseException) -> list[BaseException]:
    """Return an exception and what it was raised from, or while handling."""
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found and len(found) < _MOST_CAUSES:
        found.append(following)
        suppressed = following.__suppress_context__
        following = following.__cause__ or (None if suppressed else following.__context__)
    return found


def _kinds(error: BaseException) -> set[str]:
    return {one.__name__ for one in type(error).__mro__}


def _text(error: BaseException) -> str:
    try:
        return builtins.str(error)[:2000]
    except Exception:
        return ""


def _brief(error: BaseException) -> str:
    text = " ".join(_text(error).split())
    text = text if len(text) <= 120 else f"{text[:119]}…"
    return f"{type(error).__name__}: {text}".rstrip(": ")


def _is_elsewhere(filename: object) -> bool:
    """Return whether a path is absolute and in a folder of which this machine has nothing."""
    if not isinstance(filename, str):
        return False
    if re.match(r"[A-Za-z]:[\\/]", filename):
        return True
    parts = Path(filename).parts
    return len(parts) > 1 and parts[0] == "/" and not Path("/", parts[1]).exists()


def _raised_by(error: BaseException, file: str) -> bool:
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    return bool(frames) and frames[-1].filename in (file, "<frozen os>")


def _line(error: BaseException) -> str:
    """Return the innermost line of the notebook that raised an exception."""
    for frame in reversed(traceback.extract_tb(error.__traceback__, limit=-200)):
        if frame.filename.startswith("<cell "):
            return frame.line or linecache.getline(frame.filename, frame.lineno or 0)
    return ""
