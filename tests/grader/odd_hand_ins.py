"""Right answers to a small chapter, in notebooks as editors, services and people make them.

Their cells are those of `attacks.honest`: three definitions, and three calls of `check`.
"""

import json
import os

from attacks import CHECKS, HONEST, honest
from grader_tools import notebook

DEFINITIONS, ASKED = [*HONEST.values()], [*CHECKS.values()]
SCALED, SORTED, COLUMNS = DEFINITIONS
BLANK = [
    "def scaled(values, factor):\n    ...",
    "import numpy as np\ndef in_order(values):\n    ...",
    "def columns(values):\n    ...",
]


def cell(source, kind="code", **more):
    """A cell as it is in a notebook's file."""
    outputs = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "source": source, "metadata": {}, **outputs, **more}


def file_of(cells, **more):
    """The bytes of a notebook with these cells."""
    content = {"metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more, "cells": cells}
    return json.dumps(content).encode()


IMPORT = "from d2lexercises import case, check, hint, score, solution"  # as it is handed out
CALLS_HELPER = "def scaled(values, factor):\n    return helper(values) * factor"


def with_import(data):
    """A notebook below the line that the exercises are handed out with."""
    content = json.loads(data)
    return json.dumps(content | {"cells": [cell(IMPORT), *content["cells"]]}).encode()


# Each earns everything.
RIGHT = {
    "plain": notebook(*honest()),
    "the blank notebook above": notebook(*BLANK, *ASKED, *honest()),
    "all names deleted between": notebook(
        *(SCALED, ASKED[0], "%reset -f"),
        *(SORTED, ASKED[1], "get_ipython().run_line_magic('reset', '-sf')", COLUMNS, ASKED[2]),
    ),
    "a cell switched off": notebook("%%script false --no-raise-error\nwhile True: pass", *honest()),
    "a cell switched off, with an error": notebook("%%script false\nwhile True: pass", *honest()),
    "a runtime that is started anew": notebook(
        "!pip install x\nimport os\nos.kill(os.getpid(), 9)", *honest()
    ),
    "checks in threads": notebook(
        *DEFINITIONS,
        "from concurrent.futures import ThreadPoolExecutor\n"
        "answers = {'demo.scaled': scaled, 'demo.sorted': in_order, 'demo.columns': columns}\n"
        "with ThreadPoolExecutor() as pool:\n"
        "    list(pool.map(lambda one: check(*one), answers.items()))",
    ),
    "warnings are errors": notebook(
        "import warnings, numpy as np\nwarnings.filterwarnings('error')\nnp.seterr(all='raise')",
        *honest(),
    ),
    "paths of Windows": notebook(
        "import os, sys\nsys.path.append(r'C:\\Users\\me\\course')\nos.chdir(r'C:\\Users\\me')",
        "%cd C:\\Users\\me",
        *honest(),
    ),
    "names in other letters": notebook(
        "def größe(values, factor):\n    return values * factor\ncheck('demo.scaled', größe)",
        "import numpy as np\n排序 = np.sort\ncheck('demo.sorted', 排序)",
        "def été(v): return v.sum(axis=0)\ncheck('demo.columns', été)",
    ),
    "no metadata at all": json.dumps(
        {"cells": [{"cell_type": "code", "source": source} for source in honest()]}
    ).encode(),
    "nothing where metadata were": file_of(
        [cell(one.splitlines(True), metadata=None, outputs=None) for one in honest()],
        metadata=None,
        nbformat_minor=0,
    ),
    "Kaggle": file_of(
        [
            cell(
                "import os\nfor folder, _, names in os.walk('/kaggle/input'):\n"
                "    for name in names:\n        print(os.path.join(folder, name))",
                metadata={"_uuid": "8f2839", "trusted": True},
            ),
            *map(cell, honest()),
        ],
        metadata={"kaggle": {"accelerator": "none", "dataSources": []}},
    ),
    "Deepnote": file_of(
        [
            *(cell(one, metadata={"deepnote_cell_type": "code"}, block_group="x")
              for one in honest()),
            cell("<a>Created in Deepnote</a>", "markdown"),
        ],
        metadata={"deepnote_notebook_id": "x", "deepnote": {}},
        nbformat_minor=0,
    ),
    "VS Code": file_of(
        [cell(one, metadata={"vscode": {"languageId": "python"}}) for one in honest()],
        metadata={"orig_nbformat": 4, "language_info": {"name": "python", "version": "3.13.1"}},
    ),
    "checks for a program only": notebook(
        *DEFINITIONS, "if __name__ == '__main__':\n    " + "\n    ".join(ASKED)
    ),
    "lines without their ends": file_of([cell(one.splitlines()) for one in honest()]),
    "the end of a session": notebook(
        *(SCALED, ASKED[0], "exit()\nquit()", "import sys\nsys.exit()"),
        *("raise SystemExit('stop')", SORTED, COLUMNS, *ASKED[1:]),
    ),
    "names of built-in functions": notebook(
        "list = [1]; str = 'a'; type = 3; len = 4; print = None; dict = {}; isinstance = 1",
        *honest(),
    ),
    "objects that raise when they are looked at": notebook(
        "import os, types\nclass Proxy:\n    __class__ = property(lambda self: 1 / 0)\n"
        "p = Proxy()\n"
        "q = [p, os.getcwd()][0]\nclass Nowhere:\n    __module__ = None\n"
        "r = [Nowhere(), os.getcwd()][0]\nm = types.ModuleType('m')\ndel m.__spec__\nn = m\n"
        f"{SCALED}",
        *honest()[1:],
    ),
    "a condition of six hundred terms": notebook(
        f"if {' + '.join('1' for _ in range(600))}:\n    pass\n{SCALED}", *honest()[1:]
    ),
    "a part of each answer as text": file_of(
        [cell(BLANK[0], "raw"), cell("## x = 3", "markdown"), *map(cell, honest())]
    ),
}  # fmt: skip

# Each has all answers right, but a person has to say so: what needs one, and the reason.
FOR_A_PERSON = {
    "checks first": (
        notebook(*ASKED, *DEFINITIONS),
        {"scaled", "sorted", "columns"},
        "cell 4 defines scaled, further down",
    ),
    "what an answer calls is below": (
        notebook(
            *("def scaled(values, factor):\n    return helper(values) * factor", ASKED[0]),
            *("def helper(v): return v", SORTED, COLUMNS, *ASKED[1:]),
        ),
        {"scaled"},
        "cell 3 defines helper, further down",
    ),
    "an import at the end": (
        notebook(
            *("def in_order(values):\n    return np.sort(values)", ASKED[1]),
            *(SCALED, COLUMNS, ASKED[0], ASKED[2], "import numpy as np"),
        ),
        {"sorted"},
        "cell 7 defines np, further down",
    ),
    "an answer that became Markdown": (
        file_of([cell(SCALED, "markdown"), *map(cell, [SORTED, COLUMNS, *ASKED])]),
        {"scaled"},
        "scaled is in a cell that is not code",
    ),
    "a helper that became raw": (
        file_of(
            [
                cell("def helper(v):\n    return v", "raw"),
                cell("def scaled(values, factor):\n    return helper(values) * factor"),
                *map(cell, [SORTED, COLUMNS, *ASKED]),
            ]
        ),
        {"scaled"},
        "helper is in a cell that is not code",
    ),
    "a check that became raw": (
        file_of([*map(cell, DEFINITIONS), cell(ASKED[0], "raw"), *map(cell, ASKED[1:])]),
        {"scaled"},
        "The check of this question is in a cell that is not code",
    ),
    "the blank notebook below": (
        notebook(*honest(), *BLANK, *ASKED),
        {"scaled", "sorted", "columns"},
        "The notebook defines scaled, and then once more with nothing filled in",
    ),
    "a helper that is defined anew below": (
        notebook(
            *("def helper(v):\n    return v + 1", CALLS_HELPER, ASKED[0]),
            *("def helper(v):\n    return v", SORTED, COLUMNS, *ASKED[1:]),
        ),
        {"scaled"},
        "Cell 4 defines helper once more, below the check of an answer that uses it",
    ),
    "an answer that is defined anew below": (
        notebook(BLANK[0], ASKED[0], SCALED, SORTED, COLUMNS, *ASKED[1:]),
        {"scaled"},
        "Cell 3 defines scaled once more",
    ),
    "a helper of a helper, in a class": (
        notebook(
            "one = 2",
            "def helper(v):\n    return v * one",
            "class Scaled:\n    def __call__(self, values, factor):\n"
            "        return helper(values) * factor",
            *(ASKED[0].replace("scaled)", "Scaled())"), "one = 1"),
            *(SORTED, COLUMNS, *ASKED[1:]),
        ),
        {"scaled"},
        "Cell 5 defines one once more",
    ),
    "a method that a magic adds": (
        notebook(
            "import jdc\nclass Scaled:\n    pass",
            "%%add_to Scaled\ndef __call__(self, values, factor):\n    return values * factor",
            *(ASKED[0].replace("scaled)", "Scaled())"), SORTED, COLUMNS, *ASKED[1:]),
        ),
        {"scaled"},
        "the magic %%add_to is not installed here",
    ),
    "a check in a comment": (
        notebook(IMPORT, *DEFINITIONS, f"# {ASKED[0]}", *ASKED[1:]),
        {"scaled"},
        "in the notebook, but it does not run",
    ),
    "outputs of 20 MB": (
        file_of(
            [cell(honest()[0], outputs=[{"text": os.urandom(10_000_000).hex()}]),
             *map(cell, honest()[1:])]
        ),
        {"scaled", "sorted", "columns"},
        "clear the outputs of the notebook and save it",
    ),
}  # fmt: skip

# Wrong answers that look like them: each loses these points all the same.
WRONG = {
    "an error above the definition": (
        notebook(f"1 / 0\n{SCALED}", ASKED[0], SORTED, COLUMNS, *ASKED[1:]),
        {"scaled"},
    ),
    "a definition that cannot be read": (
        notebook("def scaled(values, factor)\n    return values * factor", *honest()[1:]),
        {"scaled"},
    ),
    "a definition that is switched off": (
        notebook(f"%%script false --no-raise-error\n{SCALED}", *honest()[1:]),
        {"scaled"},
    ),
    "deleted before the check": (notebook(SCALED, "del scaled", *honest()[1:]), {"scaled"}),
    "a name that nothing defines": (
        notebook("def scaled(values, factor):\n    return valeus * factor", *honest()[1:]),
        {"scaled"},
    ),
    "Markdown that shows code": (
        file_of(
            [cell(f"Write\n```python\n{SCALED}\n```", "markdown"),
             *map(cell, [SORTED, COLUMNS, *ASKED])]
        ),
        {"scaled"},
    ),
    "nothing filled in": (notebook(*BLANK, *ASKED), {"scaled", "sorted", "columns"}),
    "a misspelt definition": (
        notebook(SCALED.replace("scaled", "scald"), *honest()[1:]),
        {"scaled"},
    ),
    "an error above the check": (
        notebook(*DEFINITIONS, f"1 / 0\n{ASKED[0]}", *ASKED[1:]),
        {"scaled"},
    ),
    "a helper that is the same below": (
        notebook(
            *("import numpy as np\ndef helper(v):\n    return v + 1", CALLS_HELPER, ASKED[0]),
            *("import numpy as np\ndef helper(v):  # again\n    return v + 1\n",),
            *(SORTED, COLUMNS, *ASKED[1:]),
        ),
        {"scaled"},
    ),
    "an error raised further in than a condition about the machine": (
        notebook(
            "class cuda:\n    is_available = staticmethod(lambda: False)\n"
            "def helper(v):\n    raise ValueError('a wrong shape')",
            "def scaled(values, factor):\n    if cuda.is_available():\n        return 1\n"
            "    else:\n        return helper(values)",
            *(ASKED[0], SORTED, COLUMNS, *ASKED[1:]),
        ),
        {"scaled"},
    ),
    "a helper that a file below has too": (
        notebook(
            *("def helper(v):\n    return v + 1", CALLS_HELPER, ASKED[0]),
            "%%writefile helpers.py\ndef helper(v):\n    return v",
            *(SORTED, COLUMNS, *ASKED[1:]),
        ),
        {"scaled"},
    ),
    "a helper's name for another helper below": (
        notebook(
            *("def helper(v):\n    return v + 1", CALLS_HELPER, ASKED[0]),
            "def helper(v):\n    return sorted(v)",
            "def in_order(values):\n    return helper(values)",
            *(ASKED[1], COLUMNS, ASKED[2]),
        ),
        {"scaled"},
    ),
    "a name for several answers": (
        notebook(
            *("def f(values, factor):\n    return values", ASKED[0].replace("scaled)", "f)")),
            *("def f(values):\n    return sorted(values)", ASKED[1].replace("in_order", "f")),
            *("def f(values):\n    return values.sum(axis=0)", ASKED[2].replace("columns)", "f)")),
        ),
        {"scaled"},
    ),
}  # fmt: skip
WRONG |= {
    f"{what}, below an import": (with_import(data), lost) for what, (data, lost) in WRONG.items()
}
