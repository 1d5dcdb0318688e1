"""What Jupyter runs, the grader runs: cells as students write them, editors save them, Colab needs.

Each case is a notebook that is run as a worker runs it, in a process of its own, without a sandbox.
"""

import json
import sys
from pathlib import Path

import pytest
from d2lexercises import environment
from d2lexercises.answers import checks_in
from d2lexercises.saved import current_score
from generated_notebooks import QUESTIONS, answers_in_jupyter, generated
from grader.intake.notebooks import read_notebook
from grader_tools import notebook, run_apart

ROOT = Path(__file__).parents[2]
Q, R = "demo.scaled", "demo.sorted"
KERNEL_SEEDS = range(8)
ASK = f'check("{Q}", answer)'

# -- what binds an answer ----------------------------------------------------------------------
# Cells, of which the last answer to the question is 42.
BINDING = {
    "a line magic": ["%time answer = 42", ASK],
    "the value of a line magic": ["answer = %time 42", ASK],
    "a line magic in a block": ["if True:\n    %time answer = 42\n" + ASK],
    "a line magic in a function": ["def f():\n    %time x = 42\n    return 42\nanswer = f()", ASK],
    "a cell magic": ["%%time\nanswer = 42", ASK],
    "stacked cell magics": ["%%capture out\n%%time\nanswer = 42", ASK],
    "three cell magics": ["%%capture\n%%time\n%%prun\nanswer = 42", ASK],
    "a profile": ["%%prun -q\nanswer = 42", ASK],
    "a profile that is sorted": ["%prun -s cumulative answer = 42", ASK],
    "a profile in a file": ["%prun -q -D 'a b.dat' -l5 -l 3 answer = 42\n" + ASK],
    "statistics of a profile": ["got = %prun -qr 1 + 1\ngot.print_stats()\nanswer = 42\n" + ASK],
    "options of a timer": ["%timeit -r 3 -n2 -q -p 3 sum([1])\nx = 3\n%time -x\nanswer = 42", ASK],
    "memory of a line": ["%memit -r 1 -c 40 + 2\n%lprun -f print print(1)\nanswer = 42", ASK],
    "magics of a session": [
        "%edit\n%notebook x.ipynb\n%load x.py\n%pycat x\n%dhist 1\n%colors x\nanswer = 42",
        ASK,
    ],
    "a check that is timed": ["answer = 42", f"%time {ASK}"],
    "a check that is timed often": ["answer = 42", f"%timeit -n 100 -r 7 {ASK}"],
    "a cell that is timed often": ["answer = 42", f"%%timeit -n 100\n{ASK}"],
    "the end of a timed cell": ["%%time\nx = 1\n42", "answer = _\n" + ASK],
    "a magic of an extension": ["%%memray_flamegraph\nanswer = 42", ASK],
    "a magic of an extension above another": ["%%wandb\n%%time\nanswer = 42", ASK],
    "an unknown line magic": ["%tensorflow_version 2.x\nanswer = 42", ASK],
    "an unknown extension": ["%load_ext nbextension_x\nanswer = 42", ASK],
    "a magic of Colab": ["%%shell\nls /content", "answer = 42", ASK],
    "a file, then its import": ["%%writefile mine.py\nanswer = 42", "from mine import *", ASK],
    "a file in two parts": [
        "%%writefile a.py\nx = 40",
        "%%writefile -a a.py\nanswer = x + 2",
        "from a import answer",
        ASK,
    ],
    "a file that is written again": [
        "%%file b.py\nanswer = 1",
        "import b",
        "%%file b.py\nanswer = 42",
        "import importlib\nimportlib.reload(b)\nanswer = b.answer",
        ASK,
    ],
    "a file that is run": ["%%writefile c.py\nanswer = 42", "%run c.py", ASK],
    "a package": [
        "!mkdir -p kit && echo 'answer = 42' > kit/__init__.py",
        "import kit",
        "answer = kit.answer",
        ASK,
    ],
    "the output of a command": ["lines = !echo 42\nanswer = int(lines[0])", ASK],
    "a variable in a command": ["n = 42\nout = !echo {n} $n\nanswer = int(out[0].split()[1])", ASK],
    "commands that install": [
        "!pip install torch\n%pip install x\n!apt-get install y\nanswer = 42",
        ASK,
    ],
    "help": ["print?\n??len\nanswer = 42", ASK],
    "an indented paste": ["    answer = 42\n    " + ASK],
    "a paste with prompts": [">>> answer = 42\n>>> " + ASK],
    "a paste with prompts and results": [
        ">>> def f():\n...     return 42\n...\n>>> answer = f()",
        ASK,
    ],
    "a paste from IPython": ["In [1]: answer = 42\n\nIn [2]: " + ASK],
    "the last result": ["42", f'check("{Q}", _)'],
    "the last but one": ["42", "1", f'check("{Q}", __)'],
    "a numbered result": ["x = 1", "42", f'check("{Q}", _2)\ncheck("{Q}", Out[2])'],
    "get_ipython imported": [
        "from IPython import get_ipython\nip = get_ipython()\n"
        "ip.run_line_magic('time', 'answer = 42')\nip.run_cell('b = 1')",
        ASK,
    ],
    "get_ipython as it is": ["get_ipython().user_ns['answer'] = 42", ASK],
    "the kernel": [
        "kernel = get_ipython().kernel\nkernel.do_one_iteration()\nprint(kernel)\n"
        "get_ipython().parent_header\nget_ipython().get_parent()\nanswer = 42",
        ASK,
    ],
    "a restart of the kernel": [
        "import IPython\nIPython.Application.instance().kernel.do_shutdown(True)\nanswer = 42",
        ASK,
    ],
    "the name of the shell": [
        "assert get_ipython().__class__.__name__ == 'ZMQInteractiveShell'\n"
        "assert 'ZMQ' in str(get_ipython())\nanswer = 42",
        ASK,
    ],
    "widgets": [
        "try:\n    import ipywidgets\nexcept ImportError:\n    pass\nelse:\n"
        "    out = ipywidgets.Output()\n    with out:\n        print(ipywidgets.IntSlider(3))\n"
        "    ipywidgets.interact(lambda x: x, x=3)\nanswer = 42",
        ASK,
    ],
    "display imported": [
        "from IPython.display import display, HTML, clear_output\n"
        "display(HTML('<b>'))\nclear_output()\nanswer = 42",
        ASK,
    ],
    "await": [
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 42",
        "answer = await f()",
        ASK,
    ],
    "async with and async for": [
        "import contextlib\n@contextlib.asynccontextmanager\n"
        "async def c():\n    yield 42\nasync def g():\n    yield 1",
        "async with c() as answer:\n    pass\nasync for _ in g(): pass",
        ASK,
    ],
    "a task": [
        "import asyncio\nasync def f():\n    return 42\ntask = asyncio.create_task(f())",
        "answer = await task",
        ASK,
    ],
    "a task that binds": [
        "import asyncio\nasync def f():\n    global answer\n    await asyncio.sleep(0.05)\n"
        "    answer = 42\ntask = asyncio.get_event_loop().create_task(f())",
        ASK,
    ],
    "a task that fails, and one that never ends": [
        "import asyncio\nasync def f():\n    raise SystemExit\nasync def g():\n"
        "    while True:\n        await asyncio.sleep(0.01)\n"
        "tasks = [asyncio.create_task(f()), asyncio.ensure_future(g())]",
        "answer = 42",
        ASK,
    ],
    "a queue that a task fills": [
        "import asyncio\nqueue = asyncio.Queue()\nasync def fill():\n    await queue.put(42)\n"
        "task = asyncio.create_task(fill())",
        "answer = await queue.get()",
        ASK,
    ],
    "the loop that runs": [
        "import asyncio\nloop = asyncio.get_running_loop()\nassert loop.is_running()\n"
        "assert loop is asyncio.get_event_loop()",
        "await asyncio.sleep(0)\nassert loop is asyncio.get_running_loop()\nanswer = 42",
        ASK,
    ],
    "a loop, or a run": [
        "import asyncio\nasync def f():\n    return 42\ntry:\n    asyncio.run(f())\n"
        "except RuntimeError:\n    task = asyncio.create_task(f())",
        "answer = await task",
        ASK,
    ],
    "loops in one another": [
        "import nest_asyncio\nnest_asyncio.apply()\nimport asyncio\nasync def f():\n    return 40",
        "answer = asyncio.run(f())\nloop = asyncio.get_event_loop()\n"
        "answer += loop.run_until_complete(f()) - 38",
        ASK,
    ],
    "await below a magic": [
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 42",
        "%%capture\n%%time\nanswer = await f()",
        ASK,
    ],
    "a loop in a thread": [
        "import asyncio, threading\nasync def f():\n    global answer\n    answer = 42\n"
        "t = threading.Thread(target=lambda: asyncio.run(f())); t.start(); t.join()",
        ASK,
    ],
    "an interrupt that is caught": [
        "import _thread, time\ntry:\n    _thread.interrupt_main()\n    time.sleep(5)\n"
        "except KeyboardInterrupt:\n    answer = 42",
        ASK,
    ],
    "an interrupt of a cell that waits": [
        "import asyncio, os, signal, threading\n"
        "threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()\n"
        "await asyncio.sleep(20)",
        "answer = 42",
        ASK,
    ],
    "a time limit by a signal": [
        "import signal, time\ndef ring(*_):\n    raise TimeoutError\n"
        "signal.signal(signal.SIGALRM, ring)\nsignal.setitimer(signal.ITIMER_REAL, 0.1)\n"
        "try:\n    time.sleep(20)\nexcept TimeoutError:\n    answer = 42",
        ASK,
    ],
    "a future in the first cell": [
        "from __future__ import annotations\nimport math",
        "def f(x: Missing) -> Nothing: return 42\nanswer = f(1)",
        ASK,
    ],
    "a future below a text": [
        '"""Text."""\nfrom __future__ import annotations\nx = 1',
        "answer: Missing = 42",
        ASK,
    ],
    "line ends of Windows": ["%matplotlib inline\r\nanswer = 42\r\n" + ASK],
    "line ends of old Macs": ["%matplotlib inline\ranswer = 42\r" + ASK],
    "a mark before the code": ["\ufeffanswer = 42", ASK],
    "empty cells": ["", "  \n", "# nothing", "answer = 42", "", ASK],
    "an exit": ["answer = 42\nexit()", "quit()", ASK],
    "a raised exit": ["answer = 42\nimport sys\nsys.exit()", ASK],
    "a breakpoint": ["breakpoint()\nanswer = 42", ASK],
    "input": ["name = input('Name? ')\nanswer = 42", ASK],
    "everything deleted": ["x = 1", "%reset -f", "answer = 42", ASK],
    "a timer": ["t = %timeit -o 1 + 1\nanswer = 42 if t.best >= 0 else 0", ASK],
    "pickling": [
        "import pickle\nclass A:\n    x = 42\nanswer = pickle.loads(pickle.dumps(A())).x",
        ASK,
    ],
    "its own source": [
        "import inspect\ndef f(): return 42  # here",
        "answer = 42 if 'here' in inspect.getsource(f) else 0",
        ASK,
    ],
    "a class in a thread": [
        "import threading\ndef f():\n    global answer\n    answer = 42\n"
        "t = threading.Thread(target=f); t.start(); t.join()",
        ASK,
    ],
    # -- how a check is called --
    "keywords": ["answer = 42", f'check(answer=answer, question="{Q}")'],
    "a framework": ["answer = 42", f'check("{Q}", answer, framework="pytorch")'],
    "a function": ["answer = 42", f"def test():\n    {ASK}\ntest()"],
    "a function called later": [f"def test(answer):\n    {ASK}", "x = 1", "test(42)"],
    "a method": ["class T:\n    def run(self, answer):\n        " + ASK + "\nT().run(42)"],
    "a lambda": [f'(lambda answer: check("{Q}", answer))(42)'],
    "a loop": [f'for name, answer in [("{Q}", 42), ("{R}", 1)]:\n    check(name, answer)'],
    "a dict": [f'answers = {{"{Q}": 42}}\n[check(*pair) for pair in answers.items()]'],
    "starred": [f'check(*("{Q}", 42))', f'check(**{{"question": "{Q}", "answer": 42}})'],
    "a name built": ['check("demo." + "scaled", 42)'],
    "another name": ["from d2lexercises import check as verify", f'verify("{Q}", 42)'],
    "an assigned name": [f'c = check\nc("{Q}", 42)'],
    "the package": ["import d2lexercises as ex", f'ex.check("{Q}", 42)'],
    "the first edition's package": ["from d2lcompute.checks import check", f'check("{Q}", 42)'],
    "a check around the check": [
        "from d2lexercises import check as first\ndef check(question, answer):\n"
        "    print(question)\n    return first(question, answer)",
        "answer = 42",
        ASK,
    ],
    "a method that is called check": ["class T:\n    def check(self): pass", "answer = 42", ASK],
    "a partial": ["import functools", f'functools.partial(check, "{Q}")(42)'],
    "a condition": ["answer = 42", f'if __name__ == "__main__":\n    {ASK}'],
    "a try": ["answer = 42", f"try:\n    {ASK}\nexcept Exception as e:\n    print(e)"],
    "a with": ["import contextlib", f"with contextlib.nullcontext(42) as answer:\n    {ASK}"],
    "an assertion": ["answer = 42", f"assert {ASK} is None"],
    "the later of two": [f'check("{Q}", 1)', f'check("{Q}", 42)'],
    "the later of two, in a function": [f"def t(answer):\n    {ASK}", "t(1)", "t(42)"],
    "after an error": ["answer = 42\n1 / 0", ASK],
    "before an error": ["answer = 42", f"{ASK}\n1 / 0"],
    "beside a cell that cannot be read": ["x = (", "answer = 42", ASK],
    # -- what the machine lacks --
    "a module": ["import nowhere\nanswer = 42", ASK],
    "a module among others": [
        "import os, nowhere, math\nanswer = 42 if math.pi > os.sep.count('x') else 0",
        ASK,
    ],
    "a name of a module": ["from math import pi, nowhere, e\nanswer = 42 if pi > e else 0", ASK],
    "a part of a module": ["from nowhere.part import thing\nthing.set()\nanswer = 42", ASK],
    "a module in a condition": ["if True:\n    import nowhere\n    answer = 42", ASK],
    "a module in a with": [
        "import contextlib\nwith contextlib.nullcontext():\n    import nowhere\n    answer = 42",
        ASK,
    ],
    "a module below a timer": ["%%time\nimport nowhere\nanswer = 42", ASK],
    "a module that is tried": [
        "try:\n    import nowhere\nexcept ImportError:\n    answer = 42",
        ASK,
    ],
    "what a missing module gives": [
        "import nowhere\nlog = nowhere.Log()\nlog.start()\nanswer = 42",
        ASK,
    ],
    "Drive": ["from google.colab import drive\ndrive.mount('/content/drive')\nanswer = 42", ASK],
    "Drive and a folder": [
        "import google.colab, os\nfrom google.colab import drive\n"
        "drive.mount('/content/drive', force_remount=True)\n"
        "os.chdir('/content/drive/MyDrive/x')\nanswer = 42",
        ASK,
    ],
    "Drive in a condition": [
        "try:\n    import google.colab\n    IN_COLAB = True\nexcept ImportError:"
        "\n    IN_COLAB = False\nif IN_COLAB:\n    import os\n"
        "    os.chdir('/content/x')\n    base = open('/content/a')\n"
        "answer = 42",
        ASK,
    ],
    "files of Colab": [
        "from google.colab import files\nup = files.upload()\n"
        "name = list(up)[0] if up else ''\nfiles.download('x.csv')\nanswer = 42",
        ASK,
    ],
    "secrets of Colab": [
        "from google.colab import userdata, output, auth\nauth.authenticate_user()\n"
        "key = userdata.get('KEY')\noutput.eval_js('x')\nanswer = 42",
        ASK,
    ],
    "pictures of Colab": [
        "from google.colab.patches import cv2_imshow\ncv2_imshow([1])\nanswer = 42",
        ASK,
    ],
    "a file": ["data = open('data.csv').read()\nanswer = 42", ASK],
    "a file of NumPy": [
        "import numpy as np\nX = np.loadtxt('/kaggle/input/x.csv')\nanswer = 42",
        ASK,
    ],
    "an environment variable": ["import os\ntoken = os.environ['HF_TOKEN']\nanswer = 42", ASK],
    "a window": [
        "import matplotlib\nmatplotlib.use('TkAgg')\nimport matplotlib.pyplot as plt\n"
        "plt.plot([1]); plt.show()\nanswer = 42",
        ASK,
    ],
    "a window by a magic": ["%matplotlib tk\nanswer = 42", "%matplotlib notebook\n" + ASK],
    "pylab": ["%pylab inline\nanswer = 42 if np and plt else 0", ASK],
    "the internet": [
        "import urllib.request\nurllib.request.urlopen('http://nowhere.invalid/x')\nanswer = 42",
        ASK,
    ],
    "a program": [
        "import subprocess\nsubprocess.run(['nvidia-smi-x'], check=True)\nanswer = 42",
        ASK,
    ],
    "a GPU, asserted": ["cuda = False\nassert cuda, 'This needs a GPU'\nanswer = 42", ASK],
    "a GPU, demanded": [
        "name = ''\nif name != '/device:GPU:0':\n"
        "    raise SystemError('GPU device not found')\nanswer = 42",
        ASK,
    ],
    "an import of all that is not needed": ["from helpers import *\nanswer = 42", ASK],
    "an import of all that is tried": [
        "try:\n    from helpers import *\nexcept ImportError:\n    print('none')\nanswer = 42",
        ASK,
    ],
    "a language of the system": [
        "import locale\nlocale.setlocale(locale.LC_ALL, 'xx_XX.UTF-8')\nanswer = 42",
        ASK,
    ],
    "an account": [
        "import pwd, grp\nme = pwd.getpwuid(4_000_000)\ngroup = grp.getgrnam('nowhere')\n"
        "answer = 42",
        ASK,
    ],
    "a time zone": [
        "from zoneinfo import ZoneInfo\nzone = ZoneInfo('Nowhere/Town')\nanswer = 42",
        ASK,
    ],
    "a run in the loop that runs": [
        "import asyncio\nasync def f(): pass\nasyncio.run(f())\nanswer = 42",
        ASK,
    ],
    "versions, asserted": [
        "import sys\nassert sys.version_info[:2] == (3, 1), 'wrong Python'\n"
        "import numpy\nassert numpy.__version__ == '0.1'\nanswer = 42",
        ASK,
    ],
    "a version, demanded": [
        "import sys\nif sys.version_info > (3, 1):\n"
        "    raise RuntimeError('This needs Python 3.1')\nanswer = 42",
        ASK,
    ],
    "a module, asserted": [
        "import importlib.util\nassert importlib.util.find_spec('nowhere')\nanswer = 42",
        ASK,
    ],
    "an older library": ["import numpy as np\nx = np.float(3)\ny = np.NaN\nanswer = 42", ASK],
    "the first of no GPUs": ["gpus = []\ngpu = gpus[0]\nanswer = 42", ASK],
}
# What gives nothing here, and a use of it that fails: the rest of the cell runs all the same.
GIVEN_NOTHING = {
    "an upload": "from google.colab import files\nup = files.upload()\nname = list(up)[0]",
    "the file of an upload": (
        "from google.colab import files\nup = files.upload()\nimport io\nio.BytesIO(up['a.csv'])"
    ),
    "the next of an upload": (
        "from google.colab import files\nup = files.upload()\nname = next(iter(up))"
    ),
    "a picture of Colab": (
        "from google.colab import output\nfrom base64 import b64decode\n"
        "data = output.eval_js('photo()')\nraw = b64decode(data.split(',')[1])"
    ),
    "a number of Colab": (
        "from google.colab.output import eval_js\nheight = int(eval_js('1 + 1'))"
    ),
    "a secret of Colab": (
        "import json\nfrom google.colab import userdata\nkey = json.loads(userdata.get('KEY'))"
    ),
    "memory of Colab": "from google.colab import runtime\nx = runtime.get_memory() / 2",
    "a folder of Kaggle": (
        "import os\nfor root, _, names in os.walk('/kaggle/input'):\n    for name in names:\n"
        "        path = os.path.join(root, name)\nprint(path)"
    ),
    "files that are not there": "import glob\nfirst = glob.glob('/content/*.csv')[0]",
    "sorted files": "from pathlib import Path\nfirst = sorted(Path('data').glob('*.npy'))[-1]",
    "the newest file": "import glob, os\nnew = max(glob.glob('x/*.npy'), key=os.path.getmtime)",
    "data of files": (
        "import glob, numpy as np\nX = np.concatenate([np.load(f) for f in glob.glob('x/*.npy')])"
    ),
    "files, in steps": (
        "import os\nnames = os.listdir('.')\ntables = [n for n in names if n.endswith('.csv')]\n"
        "first = tables[0]\nprint(first.upper())"
    ),
    "files in a function": (
        "import glob\ndef load(folder):\n    names = glob.glob(folder + '/*.csv')\n"
        "    return names[-1]\nnewest = load('data')"
    ),
    "files of a function": (
        "import glob\ndef files_in(folder):\n    return glob.glob(folder + '/*.csv')\n"
        "names = files_in('data')\nfirst = names[0]"
    ),
    "files for a function": (
        "import glob\ndef first(names):\n    return names[0]\nname = first(glob.glob('*.csv'))"
    ),
    "files in a block": (
        "import contextlib, glob\nwith contextlib.nullcontext():\n"
        "    names = glob.glob('*.csv')\n    name = names[0]"
    ),
    "a mean of no files": "import glob\nnames = glob.glob('*.csv')\nshare = 1 / len(names)",
    "the lines of a command": "lines = !ls data/*.csv\nfirst = lines[0]",
    "a version that a command prints": "out = !nvcc --version\nprint(out[-1])",
    "a command in a function": (
        "import subprocess\nrun = subprocess.run('git rev-parse HEAD', shell=True, "
        "capture_output=True, text=True)\nhead = run.stdout.split()[0]"
    ),
    "deep code": "import os\nx = os.environ.get('NOWHERE')" + " + ''" * 600,
    "a status": "import os\nassert os.system('nowhere') == 0",
    "no program": (
        "import shutil, subprocess\nexe = shutil.which('nowhere')\nsubprocess.run([exe, '-V'])"
    ),
    "a variable that is not set": "import os\nuser = os.environ.get('NOWHERE').split('@')[0]",
    "a path that is not set": "import os\nfolder = os.getenv('USERPROFILE') + r'\\data'",
    "a folder that is not set": (
        "import os\nfrom pathlib import Path\nname = os.environ.get('NOWHERE')\nPath(name)"
    ),
    "an exit without a program": (
        "import shutil, sys\nif shutil.which('nowhere') is None:\n    sys.exit()"
    ),
    "a demand": (
        "import shutil\nif not shutil.which('nowhere'):\n    raise SystemExit('Turn it on first')"
    ),
    "a demand in a function": (
        "import shutil\ndef stop():\n    raise RuntimeError('Turn it on first')\n"
        "found = shutil.which('nowhere')\nif not found:\n    stop()"
    ),
    "a folder, asserted": "import os\nok = os.path.exists('/content/drive')\nassert ok",
    "a system, asserted": "import platform\nname = platform.system()\nassert name == 'Windows'",
    "GPUs, asserted": (
        "class config:\n    def list_physical_devices(kind): return []\n"
        "found = config.list_physical_devices('x')\nassert len(found) > 0"
    ),
    "the first of no devices": (
        "class config:\n    def list_physical_devices(kind): return []\n"
        "found = config.list_physical_devices('x')\nprint(found[0])"
    ),
    "no internet, and nothing instead": (
        "import urllib.request\ntry:\n    page = urllib.request.urlopen('http://nowhere.invalid')\n"
        "except OSError:\n    page = None\ntext = page.read()"
    ),
    "Databricks": "dbutils.library.restartPython()\ndf = spark.range(10)\nsc.parallelize([1])",
    "Deepnote": "df = _deepnote_execute_sql('SELECT 1', 'X')\ndf.head()",
    "a policy of Windows": (
        "import asyncio\nasyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())"
    ),
    "functions of Windows": (
        "import ctypes, os, sys\nctypes.windll.shcore.SetProcessDpiAwareness(1)\n"
        "os.startfile('notes.txt')\nprint(sys.getwindowsversion())"
    ),
}
BINDING["captured output"] = [
    "%%capture out\n!nowhere-smi",
    "name = out.stdout.split()[3]\nanswer = 42",
    ASK,
]
BINDING |= {what: [f"{code}\nanswer = 42", ASK] for what, code in GIVEN_NOTHING.items()}


@pytest.fixture(scope="module")
def bound():
    read = [list(read_notebook(notebook(*cells)).cells) for cells in BINDING.values()]
    return dict(zip(BINDING, run_apart(read), strict=True))


@pytest.mark.parametrize("what", BINDING)
def test_the_answer_is_found(bound, what):
    result = bound[what]
    assert result is not None
    assert result["found"].get(Q, [None])[-1] == 42, result


@pytest.mark.parametrize("what", BINDING)
def test_score_knows_of_the_answer(tmp_path, what):
    path = tmp_path / "x.ipynb"
    path.write_bytes(notebook(*BINDING[what]))
    told = current_score(path)
    wrong = [one for one in told.problems if Q in one and "question" not in one]
    expected = what in ("the later of two", "a numbered result", "starred")
    assert [one for one in wrong if "times" not in one] == [], told.problems
    assert any("times" in one for one in wrong) == expected


# What gives the name `check` to something else: cells, of which the first does it.
OWN_CHECK = {
    "a function": "def check(a, b):\n    return a == b",
    "an import": "from math import isclose as check",
    "a value": "check = True",
    "a loop": "for check in range(3): pass",
}


@pytest.mark.parametrize("what", OWN_CHECK)
def test_a_check_of_the_notebooks_own(tmp_path, what):
    cells = [f'check("{R}", 1)', OWN_CHECK[what], "answer = 42", ASK]
    [result] = run_apart([cells])
    assert result["found"] == {R: [1]}
    assert "Cell 2 gives the name check to something else" in result["prevented"][Q]["said"]
    path = tmp_path / "x.ipynb"
    path.write_bytes(notebook(*cells))
    told = current_score(path).problems
    assert any(one.startswith("Cell 2 gives the name check") for one in told), told


# -- what prevents an answer ---------------------------------------------------------------------
# Cells, and a part of the reason for which the question has no answer.
PREVENTED = {
    "code that a magic loads": (["%load helpers.py", ASK], "helpers.py"),
    "a missing module": (
        ["import nowhere", "class A(nowhere.B): pass", f'check("{Q}", A)'],
        "in cell 1, the module nowhere is not installed here",
    ),
    "a name of a missing module": (["from nowhere import B", f'check("{Q}", B)'], "nowhere"),
    "a missing file": (["answer = open('mine.txt').read()", ASK], "cell 1, a file or the system"),
    "a missing GPU": (["gpus = []\nanswer = gpus[0]", ASK], "a device or a service"),
    "a chain of them": (
        ["import nowhere", "a = nowhere.x", "b = a + 1", "answer = b", ASK],
        "in cell 1, the module nowhere",
    ),
    "a check that needs it": (["import nowhere", f'check("{Q}", nowhere.x)'], "nowhere"),
    "a function that needs it": (
        ["import nowhere", f"def t(): check('{Q}', nowhere.x)\nt()"],
        "nowhere",
    ),
    "the check and more in one cell": (
        [f"import nowhere\nx = nowhere.f()\ncheck('{Q}', x)"],
        "nowhere",
    ),
    # -- what would have bound the answer is unknown --
    "an import of all": (["from helpers import *", ASK], "cell 1, the module helpers"),
    "a notebook that is run": (["%run helpers.ipynb", ASK], "cell 1, a file is missing here"),
    "a file that is run": (["%run helpers.py", ASK], "cell 1, a file is missing here"),
    "a file that is executed": (
        ["exec(open('/content/drive/MyDrive/helpers.py').read())", ASK],
        "cell 1, a file or the system",
    ),
    "a file that is executed in a with": (
        ["with open('helpers.py') as file:\n    exec(file.read())", ASK],
        "cell 1, a file or the system",
    ),
    "a stored name": (["%store -r answer", ASK], "cell 1, "),
    "names from a file": (
        ["import json", "globals().update(json.load(open('cfg.json')))", ASK],
        "cell 2, a file or the system",
    ),
    "a function that binds": (
        ["def setup():\n    global answer\n    answer = open('x').read()", "setup()", ASK],
        "cell 2, a file or the system",
    ),
    "an import of all that is tried, and needed": (
        ["try:\n    from helpers import *\nexcept ImportError:\n    pass", ASK],
        "cell 1, the module helpers",
    ),
    "a file that is tried, and needed": (
        [
            "for name in ['a.py']:\n    try:\n        exec(open(name).read())\n"
            "    except OSError as error:\n        print(error)",
            ASK,
        ],
        "cell 1, a file or the system",
    ),
    "a dict from a file": (
        [
            "import json\ncfg = {}",
            "cfg.update(json.load(open('cfg.json')))",
            f"check('{Q}', cfg['n'])",
        ],
        "in cell 2, a file or the system",
    ),
    "a list from a file, in a chain": (
        [
            "lines = []",
            "for line in open('x.csv'):\n    lines.append(line)",
            "answer = len(lines[0])",
            ASK,
        ],
        "this may be what changes lines",
    ),
    "a file that is not there": (
        ["import os\nif os.path.exists('helpers.py'):\n    exec(open('helpers.py').read())", ASK],
        "in cell 1, the condition os.path.exists('helpers.py') may differ here",
    ),
    "a module that is not found": (
        [
            "import importlib.util\nif importlib.util.find_spec('helpers') is None:\n"
            "    print('none')\nelse:\n    from helpers import *",
            ASK,
        ],
        "in cell 1, the condition importlib.util.find_spec",
    ),
    "a name that a GPU binds": (
        [
            "import os\nif 'COLAB_GPU' in os.environ:\n    answer = 1\n"
            "elif os.name == 'x':\n    pass",
            ASK,
        ],
        "in cell 1, the condition 'COLAB_GPU' in os.environ may differ here",
    ),
    "a base from an import of all": (
        ["from helpers import *", "class A(Base):\n    pass", f'check("{Q}", A)'],
        "cell 1, the module helpers",
    ),
    "a value from an import of all": (
        ["from helpers import *", "answer = scale(2)", ASK],
        "this may be what defines scale",
    ),
    "a function from an import of all": (
        ["from helpers import *", "def f(): return scale()", f'check("{Q}", f())'],
        "cell 1, the module helpers",
    ),
    "files that are missing": (
        ["import glob\nnames = sorted(glob.glob('x*'))", "answer = names[-1]", ASK],
        "in cell 1, glob.glob('x*') may give something else here",
    ),
    "files of a function that are missing": (
        [
            "import glob\ndef newest(folder):\n    names = glob.glob(folder)\n"
            "    last = sorted(names)\n    return last[-1]",
            "answer = newest('x*')",
            ASK,
        ],
        "in cell 2, glob.glob(folder) may give something else here",
    ),
    "a name that a loop over files binds": (
        ["import os", "for answer in os.listdir('.'):\n    pass", ASK],
        "in cell 2, os.listdir('.') may give something else here",
    ),
    "a check in a try": (
        [
            "import nowhere",
            f"try:\n    check('{Q}', nowhere.x)\nexcept Exception as e:\n    print(e)",
        ],
        "the module nowhere",
    ),
}


@pytest.mark.parametrize(
    "said",
    [
        "Cannot access accelerator device when none is available.",
        "Tried to instantiate dummy base class Event",
        "torch.cuda.Stream requires CUDA support",
        "Cannot get CUDA generator without ATen_cuda library.",
        "NVTX functions not installed. Are you sure you have a CUDA build?",
        "no pinned memory allocator is available on this system.",
    ],
)
def test_what_pytorch_says_without_a_gpu(monkeypatch, said):
    monkeypatch.setattr(environment, "watching", True)
    assert "there is no GPU here" in environment.reason_in_answer(RuntimeError(said))
    assert environment.reason_in_answer(RuntimeError("shapes differ")) == ""


NEWER = {  # code that Python 3.11 cannot read, and the version that can
    "quotes in an f-string": ('d = {"a": 1}\nprint(f"{d["a"]}")\nanswer = 1', "3.12"),
    "a backslash in an f-string": ("x = []\nprint(f\"{'\\n'.join(x)}\")\nanswer = 1", "3.12"),
    "a generic function": ("def answer[T](x: T) -> T:\n    return x", "3.12"),
    "a generic class": ("class answer[T: int](list[T]):\n    pass", "3.12"),
    "a type": ("type answer = int | str", "3.12"),
    "a default type": ("class answer[T = int]:\n    pass", "3.13"),
    "several exceptions": ("try:\n    answer = 1\nexcept ValueError, TypeError:\n    pass", "3.14"),
    "a template": ('name = 1\nanswer = t"{name}"', "3.14"),
    "below a magic": ('%matplotlib inline\nd = {"a": 1}\nanswer = f"{d["a"]}"', "3.12"),
}
# Cells that an exception stops, as in Jupyter: the check below it does not run.
STOPPED = {
    "an error": ["1 / 0\n" + ASK],
    "a wrong name": ["answr = 1\n" + ASK],
    "a wrong name, and a missing module": ["import nowhere", "answr = 1\n" + ASK],
    "an error of another object": [
        "a, b = [], []",
        "a.extend(open('x'))",
        "b[0]\n" + ASK.replace("answer", "1"),
    ],
    "a condition that differs nowhere": ["if len('x') == 2:\n    answer = 1", ASK],
    "a name of a cell that stopped, and an import of all": [
        "from helpers import *",
        "1 / 0\nanswer = 1",
        ASK,
    ],
    "a wrong name elsewhere": ["import math", "answer = math.pi2", ASK],
    "an assertion": ["assert 1 == 2, 'not equal'\n" + ASK],
    "an error in a function": ["def f():\n    return {}['key']", "answer = f()\n" + ASK],
    "an empty list of its own": ["files = []\nfirst = files[0]\n" + ASK],
    "an error beside files": ["import glob\nnames = glob.glob('*')\nx = {}['k']\n" + ASK],
    "an error of a function that is given files": [
        "import glob\ndef f(names):\n    return {}['key']\nf(glob.glob('*'))\n" + ASK
    ],
    "files that became something else": [
        "import glob\nnames = glob.glob('x*')\nnames = []\nnames[0]\n" + ASK
    ],
    "a wrong name of a function that asks": ["import glob\nglob.glbo('*')[0]\n" + ASK],
    "a wrong method of a value that is there": [
        "import os\nname = os.getcwd()\nname.splitt('/')\n" + ASK
    ],
    "a condition of its own": ["n = 3\nif n > 2:\n    raise RuntimeError('no')\n" + ASK],
    "an exit of its own": ["n = 3\nif n > 2:\n    raise SystemExit\n" + ASK],
    "a wrong name below files that are missing": [
        "import glob\nfirst = glob.glob('x*')[0]",
        "answr = 1\n" + ASK,
    ],
    "a wrong name below a check of what is missing": [
        "from d2lexercises import check\nimport nowhere",
        "check('demo.sorted', nowhere.x)",
        "answr = 1\n" + ASK,
    ],
    "a method that is called like one that asks": [
        "class A:\n    def run(self): return []\nA().run()[0]\n" + ASK
    ],
    "an error in a loop": ["for i in range(3):\n    [][i]\n" + ASK],
    "a file that is no module": ["%%python\nanswer = 42", ASK],
    "a shell": ["%%bash\nanswer=42", ASK],
    "what `timeit` binds": ["%%timeit\nanswer = 42", ASK],
    "invalid syntax": ["answer = (42", ASK],
    "a return": ["return 1", "answer = 1\nreturn\n" + ASK],
}


@pytest.fixture(scope="module")
def prevented():
    cells = [*[one for one, _ in PREVENTED.values()], *STOPPED.values()]
    cells += [[source, ASK] for source, _ in NEWER.values()]
    return dict(zip([*PREVENTED, *STOPPED, *NEWER], run_apart(cells), strict=True))


@pytest.mark.parametrize("what", PREVENTED)
def test_why_the_machine_prevents_an_answer(prevented, what):
    result = prevented[what]
    assert result["found"] == {} and result["stopped"] == {}
    assert PREVENTED[what][1] in result["prevented"][Q]["reason"]


@pytest.mark.parametrize("what", STOPPED)
def test_an_exception_stops_its_cell(prevented, what):
    result = prevented[what]
    assert result["found"] == {}
    assert result["stopped"] and "error" in result["prevented"][Q]


@pytest.mark.parametrize("what", NEWER)
def test_syntax_of_a_newer_python(prevented, what):
    needed = NEWER[what][1]
    if tuple(map(int, needed.split("."))) <= sys.version_info[:2]:
        assert Q in prevented[what]["found"]
        return
    reason = prevented[what]["prevented"][Q]["reason"]
    assert f"is written for Python {needed}" in reason
    assert (f"make grade VENV=.venv-{needed} PYTHON=python{needed}" in reason) == (needed != "3.14")


def test_what_cannot_be_left_out_of_a_block():
    # A loop may wait for an exception to end it; a `try` handles its own.
    loop = "n = 0\nwhile True:\n    n += 1\n    import nowhere"
    handled = "try:\n    import nowhere\n    answer = 1\nexcept ImportError:\n    answer = 2"
    results = run_apart([[loop, f'check("{Q}", n)'], [handled, ASK]])
    assert [one["found"][Q] for one in results] == [[1], [2]]


def test_what_hung_is_left_out_and_the_rest_runs():
    cells = ["x = 1\ny = 2\ncheck('demo.sorted', x)\nz = 3", f"check('{Q}', y)"]
    [whole, without] = run_apart([cells, {"cells": cells, "skip": ["0.1"]}])
    assert whole["steps"][:4] == ["parse 0", "0.0", "0.1", "0.2"]
    assert without["found"] == {R: [1]}
    assert "cell 1 does not end here" in without["prevented"][Q]["reason"]
    [left_out] = run_apart([{"cells": [f"check('{Q}', 1)"], "skip": ["0.0"]}])
    assert left_out["prevented"][Q] == {"step": "0.0"}
    [unread] = run_apart([{"cells": [f"check('{Q}', 1)", "x = 1"], "skip": ["parse 0"]}])
    assert unread["prevented"][Q] == {"step": "parse 0"}


# -- files -----------------------------------------------------------------------------------------


def saved(*cells, **content):
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        **content,
        "cells": [
            {"cell_type": "code", "metadata": {}, "outputs": [], "source": source}
            for source in cells
        ],
    }


OLD = {"nbformat": 3, "metadata": {"name": ""}, "worksheets": [
    {"cells": [{"cell_type": "code", "language": "python", "input": ["a = 1\n", "b = 2"]}]},
    {"cells": [{"cell_type": "markdown", "source": "c"}, {"cell_type": "code", "input": "d = 3"}]},
]}  # fmt: skip
FILES = {  # bytes of a file, and its cells
    "UTF-8": (json.dumps(saved("é = 1"), ensure_ascii=False).encode(), ("é = 1",)),
    "a mark of UTF-8": (b"\xef\xbb\xbf" + json.dumps(saved("a")).encode(), ("a",)),
    "two marks": (b"\xef\xbb\xbf" * 2 + json.dumps(saved("a")).encode(), ("a",)),
    "UTF-16": (json.dumps(saved("é"), ensure_ascii=False).encode("utf-16"), ("é",)),
    "UTF-16 without a mark": (json.dumps(saved("a")).encode("utf-16-le"), ("a",)),
    "Latin-1": (json.dumps(saved("# é"), ensure_ascii=False).encode("latin-1"), ("# é",)),
    "lines of Windows": (json.dumps(saved("a"), indent=1).replace("\n", "\r\n").encode(), ("a",)),
    "half a pair": (json.dumps(saved("'\ud83d'")).encode(), ("'\N{REPLACEMENT CHARACTER}'",)),
    "a pair in two halves": (json.dumps(saved("'\ud83d\ude00'")).encode(), ("'😀'",)),
    "half a pair, unescaped": (
        json.dumps(saved("'X'")).encode().replace(b"X", b"\xed\xa0\xbd"),
        ("'\N{REPLACEMENT CHARACTER}'",),
    ),
    "lines in a list": (json.dumps(saved(["a\r\n", "b\r", "c"])).encode(), ("a\nb\nc",)),
    "nbformat 3": (json.dumps(OLD).encode(), ("a = 1\nb = 2", "d = 3")),
    "no metadata": (json.dumps({"cells": saved("a")["cells"]}).encode(), ("a",)),
    "odd metadata": (json.dumps(saved("a", metadata=[1])).encode(), ("a",)),
}


@pytest.mark.parametrize("what", FILES)
def test_a_file_as_editors_save_it(tmp_path, what):
    data, cells = FILES[what]
    assert read_notebook(data).cells == cells
    path = tmp_path / "x.ipynb"
    path.write_bytes(data)
    assert not any("cannot be read" in one for one in current_score(path).problems)


@pytest.mark.parametrize("data", [b"", b"<html>", b"{", json.dumps(saved("x" * 1_100_000)).encode(),
                                  b'{"a": 1,\n<<<<<<< HEAD\n "cells": []}', b" " * 17_000_000,
                                  json.dumps(saved(*["x"] * 2001)).encode()])  # fmt: skip
def test_score_refuses_what_the_grader_refuses(tmp_path, data):
    with pytest.raises(ValueError) as error:
        read_notebook(data)
    path = tmp_path / "x.ipynb"
    path.write_bytes(data)
    [problem] = current_score(path).problems
    assert "cannot be read as a notebook" in problem
    assert str(error.value)[:30] in problem or "more than 16 MB" in problem


# -- the framework -------------------------------------------------------------------------------

TORCH = {"d2lcompute": {"exercises": "blocks", "framework": "pytorch"}}
KERAS = {"d2lcompute": {"exercises": "blocks", "framework": "tensorflow"}}
FRAMEWORK = {  # cells, metadata, and the framework
    "the last of a list": (["import os, sys, torch"], {}, "pytorch"),
    "under another name": (["import numpy as np, torch as t"], {}, "pytorch"),
    "a part": (["import torch.nn as nn"], {}, "pytorch"),
    "from a part": (["from tensorflow.keras import layers"], {}, "tensorflow"),
    "in brackets": (["from torch import (\n    nn,  # layers\n    optim,\n)"], {}, "pytorch"),
    "over two lines": (["import os, \\\n    keras"], {}, "tensorflow"),
    "behind a semicolon": (["import os; import keras"], {}, "tensorflow"),
    "in a condition": (["if True: import torch"], {}, "pytorch"),
    "in a try": (["try:\n    import torch\nexcept ImportError:\n    pass"], {}, "pytorch"),
    "in a function": (["def f():\n    from torch import nn"], {}, "pytorch"),
    "timed": (["%time import torch"], {}, "pytorch"),
    "below a cell magic": (["%%time\nimport torch"], {}, "pytorch"),
    "in a written file": (["%%writefile a.py\nimport torch", "from a import *"], {}, "pytorch"),
    "pasted": ([">>> import torch"], {}, "pytorch"),
    "by its name": (["import importlib\nt = importlib.import_module('torch')"], {}, "pytorch"),
    "helpers": (["from d2lcompute import tensorflow as d2l"], {}, "tensorflow"),
    "helpers as a module": (["import d2lcompute.torch as d2l"], {}, "pytorch"),
    "names of helpers": (["from d2lcompute.torch import try_gpu"], {}, "pytorch"),
    "in comments and texts": (
        ["# import keras\n'''\nimport keras\n'''\nimport torch"],
        {},
        "pytorch",
    ),
    "similar names": (["import torchvision, kerastuner"], {}, "numpy"),
    "none": (["import numpy"], {}, "numpy"),
    "none, by its metadata": (["import numpy"], TORCH, "pytorch"),
    "more imports of the other": (
        ["import torch\nimport keras\nimport keras.ops\nimport tensorflow"],
        TORCH,
        "pytorch",
    ),
    "the other way round": (
        ["import tensorflow as tf\nimport torch\nfrom torch import nn"],
        KERAS,
        "tensorflow",
    ),
    "another than its metadata": (["import keras"], TORCH, "tensorflow"),
    "both, with helpers": (
        ["import keras\nimport keras.ops\nfrom d2lcompute import torch as d2l\nimport torch"],
        {},
        "pytorch",
    ),
    "both, by what is derived": (
        [
            "import tensorflow as tf\nfrom keras import layers\nfrom torch import nn",
            "class A(nn.Module): pass\nclass B(nn.Module): pass",
        ],
        {},
        "pytorch",
    ),
    "both, undecided": (["import torch\nimport keras"], {}, "pytorch"),
    "unknown metadata": (["import torch"], {"d2lcompute": {"framework": ["x"]}}, "pytorch"),
}


@pytest.mark.parametrize("what", FRAMEWORK)
def test_the_framework_of_a_notebook(what):
    cells, metadata, framework = FRAMEWORK[what]
    assert read_notebook(notebook(*cells, **metadata)).framework == framework


def test_finding_the_framework_takes_no_time_on_hostile_text():
    texts = ["import (" * 100_000, "\n" * 900_000, "import torch," * 70_000, "'''" * 300_000,
             "check as a1\n" * 80_000, "check(" * 150_000, "class A(" * 100_000]  # fmt: skip
    for text in texts:
        read = read_notebook(notebook(text))
        assert read.framework and read.chapters == set() and read.asks({Q}) == set()


# -- generated notebooks ---------------------------------------------------------------------------


@pytest.mark.slow
def test_the_grader_finds_what_a_kernel_runs(tmp_path):
    """The same notebooks in a real kernel, in the grader, and read by `score`."""
    notebooks = [generated(seed) for seed in KERNEL_SEEDS]
    there = answers_in_jupyter(notebooks, tmp_path)
    here = run_apart([list(read_notebook(notebook(*cells)).cells) for cells in notebooks])
    for seed, cells, theirs, ours in zip(KERNEL_SEEDS, notebooks, there, here, strict=True):
        assert ours["found"] == theirs, (seed, "\n---\n".join(cells))
        named = {one.question for cell in cells for one in _checks(cell)}
        told = {name for name in QUESTIONS if name in "".join(cells)}
        assert named <= told and set(theirs) <= told, seed


def _checks(cell):
    try:
        return checks_in(cell)
    except SyntaxError:
        return []
