"""Submissions that attack the grader, bounded so that they do no harm if they escape.

Each has honest answers to two questions; the attack goes for the marks of the third, `scaled`, or
for something outside.
"""

HONEST = {
    "scaled": "def scaled(values, factor):\n    return values * factor",
    "sorted": "import numpy as np\ndef in_order(values):\n    return np.sort(values)",
    "columns": "def columns(values):\n    return values.sum(axis=0)",
}
CHECKS = {
    "scaled": 'check("demo.scaled", scaled)',
    "sorted": 'check("demo.sorted", in_order)',
    "columns": 'check("demo.columns", columns)',
}
FULL = {"scaled": 10.0, "sorted": 10.0, "columns": 10.0}
OTHERS = {"scaled": 0.0, "sorted": 10.0, "columns": 10.0}


def honest():
    """Cells with every answer right."""
    return [*HONEST.values(), *CHECKS.values()]


def attacking(attack, answer=""):
    """Cells that attack first; `answer` defines `scaled`."""
    definition = answer or "def scaled(values, factor):\n    raise RuntimeError('no answer')"
    return [
        attack,
        definition,
        CHECKS["scaled"],
        HONEST["sorted"],
        CHECKS["sorted"],
        HONEST["columns"],
        CHECKS["columns"],
    ]


def answering(body, before=""):
    """Cells whose answer to `scaled` runs `body` first, and is right if `body` raises nothing."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return attacking(before, f"def scaled(values, factor):\n{lines}\n    return values * factor")


LOOP = "import time\nuntil = time.monotonic() + 2.5\nwhile time.monotonic() < until: pass"

MEMORY = """
import numpy as np
held = np.full(300 * 2**17, 1.0)
untouched = np.zeros(3 * 2**27)
"""

MEMORY_OF_MANY = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = bytearray(os.urandom(1)) * (90 * 2**20)
        time.sleep(0.5)
        os._exit(0)
if any([os.wait()[1] for _ in range(4)]):
    raise MemoryError
"""

FORKS = """
import os, time
children = 0
for _ in range(100):
    child = os.fork()
    if child == 0:
        time.sleep(1)
        os._exit(0)
    children += 1
"""

FLOOD = "import os\nfor _ in range(80):\n    os.write(1, b'x' * 2**16); os.write(2, b'x' * 2**16)"

LARGE_FILE = """
import tempfile
with tempfile.TemporaryFile() as file:
    for _ in range(10):
        file.write(b"x" * 2**20)
        file.flush()
"""

EXIT = "import os\nos._exit(0)"

# Everything that this process can see and may kill, but only if it sees few processes.
KILL_ALL = """
import os
if os.getpid() < 50:
    for pid in (os.getppid(), *range(1, 60)):
        try:
            if pid not in (0, os.getpid()):
                os.kill(pid, 9)
        except OSError:
            pass
"""

KILL_MARKED = """
import os
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if b"{marker}" in open("/proc/" + pid + "/cmdline", "rb").read():
            os.kill(int(pid), 9)
    except OSError:
        pass
"""

OWN_CHECKS = """
from d2lexercises import library
def scaled(values, factor):
    demo = library.load(library.CHAPTERS.parent / "private" / "demo.py")
    return demo.SECRET_FORMULA({"values": values, "factor": factor})
"""

OTHER_SUBMISSION = """
import json, pathlib
for file in pathlib.Path("{folder}").glob("*.ipynb"):
    for cell in json.loads(file.read_text())["cells"]:
        exec(cell["source"])
"""

READ_MEMORY = """
import os
found = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    if pid == os.readlink("/proc/self"):
        continue
    for name in ("environ", "mem"):
        try:
            with open("/proc/" + pid + "/" + name, "rb") as file:
                if name == "mem":
                    with open("/proc/" + pid + "/maps") as maps:
                        file.seek(int(maps.readline().split("-")[0], 16))
                data = file.read(1 << 16)
            found.append(name)
            if b"{marker}" in data:
                found.append("THE " + "MARKER")
        except (OSError, ValueError):
            pass
raise RuntimeError("READ " + " ".join(sorted(set(found))))
"""

# From the worker (C) through B and A to the zygote; see `inside/zygote.py`.
READ_ZYGOTE = """
import os
pid = os.getppid()
for _ in range(2):
    lines = open("/proc/%d/status" % pid).read().splitlines()
    pid = int([line for line in lines if line.startswith("PPid")][0].split()[1])
assert b"zygote" in open("/proc/%d/cmdline" % pid, "rb").read()
found = []
for name in ("environ", "maps", "fd/0", "mem", "cwd/."):
    try:
        path = "/proc/%d/%s" % (pid, name)
        os.listdir(path) if name == "cwd/." else open(path, "rb").close()
        found.append(name)
    except OSError:
        pass
raise RuntimeError("READ " + " ".join(found))
"""

# Reads its own memory with a system call for debuggers: harmless, and refused.
FORBIDDEN_CALLS = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
class Piece(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))
import os
source, target = ctypes.create_string_buffer(b"text"), ctypes.create_string_buffer(4)
here = Piece(ctypes.addressof(target), 4)
there = Piece(ctypes.addressof(source), 4)
read = libc.process_vm_readv(os.getpid(), ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
if read != 4:
    raise OSError(ctypes.get_errno())
"""

# A family of sockets that network namespaces do not isolate; nothing is connected.
OTHER_SOCKETS = """
import socket
socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
"""

# Writes the present value again: harmless if it succeeds.
SETTINGS_OF_THE_SYSTEM = """
import os, stat
path = "{path}"
if path.startswith("/dev"):
    os.chmod(path, stat.S_IMODE(os.stat(path).st_mode))
else:
    with open(path) as file:
        value = file.read()
    with open(path, "w") as file:
        file.write(value)
"""

OWN_NAMESPACE = """
import ctypes
if ctypes.CDLL(None).unshare(0x10000000) != 0:
    raise OSError("refused")
"""

CONNECT = """
import socket
with socket.create_connection(("127.0.0.1", {port}), timeout=1) as connection:
    connection.sendall(b"hello")
"""

WRITE = """
import os, sys, pathlib
for folder in {folders}:
    for name in ("written-by-attack",):
        try:
            pathlib.Path(folder, name).write_text("x")
        except OSError:
            pass
for path in [*sys.path, os.path.dirname(os.__file__), "/", "/usr", "/etc", "/dev", "/opt/d2l"]:
    try:
        pathlib.Path(path, "written-by-attack").write_text("x")
    except OSError:
        pass
    else:
        raise RuntimeError("wrote to " + path)
"""

BACKGROUND = """
import os, subprocess, sys
subprocess.Popen(
    [sys.executable, "-S", "-c", "import time; time.sleep(20) # {marker}"],
    start_new_session=True, stdin=-3, stdout=-3, stderr=-3,
)
"""

LEAVE_TRACES = """
import os, pathlib
for folder in ("/scratch", "/tmp", "/dev/shm"):
    try:
        pathlib.Path(folder, "trace").write_text("def scaled(v, f): return v * f")
    except OSError:
        pass
"""

FIND_TRACES = """
import pathlib
for folder in ("/scratch", "/tmp", "/dev/shm"):
    path = pathlib.Path(folder, "trace")
    if path.exists():
        exec(path.read_text())
"""

PATCHES = """
import builtins, json, sys
import numpy as np
yes = lambda *arguments, **named: True
for name in ("allclose", "array_equal", "isclose", "array_equiv", "isfinite", "all"):
    setattr(np, name, yes)
np.any = lambda *arguments, **named: False
for name in ("assert_allclose", "assert_array_equal"):
    setattr(np.testing, name, yes)
from d2lexercises import question
nothing = lambda *arguments, **named: None
for name, module in list(sys.modules.items()):
    if name.startswith("d2lexercises") and hasattr(module, "same_array"):
        module.same_array = nothing
    if name.startswith("d2lexercises") and hasattr(module, "SECRET_FORMULA"):
        module.SECRET_FORMULA = lambda inputs: inputs["values"]
class Passed:
    def __new__(cls, aspect, points, out_of, *rest):
        return REAL(aspect, out_of, out_of, "")
REAL = question.Finding
question.Finding = Passed
builtins.float = lambda value=0: 10
scaled = lambda values, factor: values
"""

ALWAYS_EQUAL = """
import numpy as np
class Equal(np.ndarray):
    def __eq__(self, other):
        return True
    def all(self, *arguments, **named):
        return True
class EqualFloat(float):
    def __eq__(self, other):
        return True
    __hash__ = float.__hash__
def scaled(values, factor):
    return np.zeros((4, 3)).view(Equal)
"""

# Finds the sockets of this process by trying; `say` writes a line to each. Those of the event loop
# do not block; what writes to them would only stop itself.
SOCKETS = """
import os, stat
def sockets():
    for number in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode) and os.get_blocking(number):
                yield number
        except OSError:
            pass
def say(*lines):
    for number in sockets():
        for line in lines:
            os.write(number, line + b"\\n")
"""

PREWRITTEN = (
    SOCKETS
    + """
reply = b'{"outputs":{"scaled":{"$array":{"dtype":"float64","shape":[0],"data":""}},"forged":1}'
say(
    reply + b',"nonce":"00000000000000000000000000000000"}',
    reply + b',"nonce":null}',
    reply + b"}",
    b'{"at":"demo.scaled"}',
    reply + b',"nonce":""}',
)
"""
)

# Arrays in place of texts and truth values; comparing two of them with == gives no truth value.
ARRAYS_EVERYWHERE = """
array = b'{"$array":{"dtype":"float64","shape":[2],"data":"AAAAAAAAAAAAAAAAAAAAAA=="}}'
for key in (b"done", b"nonce", b"at", b"ready", b"raised", b"broken", b"found", b"outputs"):
    say(b'{"' + key + b'":' + array + b"}")
    say(b'{"outputs":1,"' + key + b'":' + array + b"}")
raise RuntimeError("no answer")
"""

# A step that does not exist, long enough to fill the record, in which the worker then dies.
LONG_STEP = """
say(b'{"at":"900000.1' + b" " * 1_000_000 + b'"}')
os._exit(0)
"""

FORGE_WHILE_ASKED = """
say(b'{"nonce":"0","outputs":{"forged":1}}', b'{"outputs":{"forged":1}}')
raise RuntimeError("no answer")
"""

FLOOD_REPLIES = """
for number in sockets():
    for _ in range(400):
        os.write(number, b'{"nonce":"0","outputs":{}}' * 2000 + b"\\n")
"""

HUGE_REPLY = "import numpy as np\nvalues, factor = np.zeros(2_000_000), 1.0"

HUGE_RAW = """
for number in sockets():
    os.write(number, b'{"nonce":"')
    for _ in range(100):
        os.write(number, b"x" * 2**16)
"""

DEEP_RAW = """
say(b'{"nonce":' + b"[" * 200_000 + b"]" * 200_000 + b"}", b"NaN", b"\\xff\\xfe", b"", b"null",
    b'{"nonce":1e999}', b'{"outputs":{"$array":{"dtype":"object","shape":[1],"data":"AAAA"}}}')
raise RuntimeError("no answer")
"""

NOT_FINITE = "import numpy as np\nvalues = np.full((4, 3), {value}) * np.ones((4, 3))"

PICKLE = """
import base64, pickle
class Run:
    def __reduce__(self):
        import os
        return (os.mkdir, ({path!r},))
say(base64.b64encode(pickle.dumps(Run())))
raise RuntimeError("no answer")
"""
