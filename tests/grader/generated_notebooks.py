"""Notebooks made of what students do in cells, from a seed; and a real kernel that runs them.

Every cell binds some of the names a to e, or checks one of them. What a check gets is a number or a
text, so that what came in Jupyter can be compared with what came in the grader.
"""

import json
import queue
import random

NAMES = "abcde"
QUESTIONS = [f"demo.{name}" for name in NAMES]


def _value(draw):
    names = draw.sample(NAMES, 2)
    return draw.choice(
        [
            str(draw.randrange(100)),
            repr(draw.choice(["x", "a # b", "%time", "!ls", "é", "it's?", "{a}", "😀"])),
            names[0],
            f"({names[0]}, {names[1]})",
            f"len(str({names[0]}))",
            f"f'{{{names[0]}}}-{{{names[1]}!r}}'",
            "_",
            "sum(i for i in range(4))",
        ]
    )


def _binding(draw):
    name, value = draw.choice(NAMES), _value(draw)
    return draw.choice(
        [
            f"{name} = {value}",
            f"%time {name} = {value}",
            f"{name} = %time {value}",
            f"if True:\n    {name} = {value}",
            f"if True:\n    %time {name} = {value}",
            f"for {name} in [{value}]: pass",
            f"def f():\n    return {value}\n{name} = f()",
            f"async def g():\n    return {value}\n{name} = await g()",
            f"async def h():\n    return {draw.randrange(100)}\ntask = asyncio.create_task(h())",
            f"{name} = await task",
            f"{name} = !echo {draw.randrange(9)}",
            f"class C:\n    x = {value}\n{name} = C.x",
            f"import math as {name}; {name} = {name}.floor(2.5)",
            f"{name} = [{value},\n  {value}]",
            f"try:\n    {name} = {value}\nexcept Exception:\n    {name} = 'none'",
            f"with open('f.txt', 'w') as file:\n    file.write('7')\n{name} = open('f.txt').read()",
            f"exec('{name} = 5')",
            f"get_ipython().run_line_magic('time', '{name} = 6')",
            f"{value}",
            f"del {name}",
            "1 / 0",
            f"assert {value} != {value}",
            "raise SystemExit",
            f"{name}.missing",
            "math?",
            "%pwd",
            "%nothing_of_this_name\n" if draw.random() < 0.1 else "pass",
        ]
    )


def _check(draw):
    name = draw.choice(NAMES)
    question = f'"demo.{name}"'
    return draw.choice(
        [
            f"check({question}, {name})",
            f"check(answer={name}, question={question})",
            f"%time check({question}, {name})",
            f"def t():\n    check({question}, {name})\nt()",
            f"if True:\n    check({question}, {_value(draw)})",
            f"r = check(*({question}, {name}))",
            f"[check(q, v) for q, v in {{{question}: {name}}}.items()]",
        ]
    )


def _cell(draw):
    parts = [_check(draw) if draw.random() < 0.4 else _binding(draw)
             for _ in range(draw.randint(1, 4))]  # fmt: skip
    cell = "\n".join(parts)
    kind = draw.random()
    if "await" in cell:  # in Jupyter `%%time` does not wait for it, so that nothing of it runs
        return cell
    if kind < 0.08:
        return f"%%time\n{cell}"
    if kind < 0.12:
        return f"%%capture out\n{cell}"
    if kind < 0.16:
        return f"%%capture\n%%time\n{cell}"
    if kind < 0.2:
        return "\n".join(f"    {line}" for line in cell.split("\n"))
    if kind < 0.23:
        return f"%%writefile m{draw.randrange(3)}.py\n{draw.choice(NAMES)} = {draw.randrange(9)}"
    if kind < 0.26:
        return f"from m{draw.randrange(3)} import *"
    if kind < 0.29:
        return f"%%bash\necho {draw.randrange(9)}"
    if kind < 0.31:
        return f"{cell}\nx = ("
    if kind < 0.33:
        return "from __future__ import annotations\ndef h(x: Nothing): pass"
    return cell


def generated(seed):
    """The cells of a notebook."""
    draw = random.Random(seed)
    first = (
        "a, b, c, d, e = 1, 2, 3, 4, 5\nimport asyncio, math\n"
        "task = asyncio.get_running_loop().create_task(asyncio.sleep(0, 9))"
    )
    return [first, *(_cell(draw) for _ in range(draw.randint(3, 8)))]


_CHECK = """
def check(question, answer, *, framework=None):
    import json
    try:
        json.dumps(answer)
    except (TypeError, ValueError):
        answer = getattr(answer, "__name__", type(answer).__name__)
    _answers.setdefault(question, []).append(answer)
import builtins
builtins.check, _answers = check, {{}}
del builtins
import os, tempfile
os.chdir({folder!r})
del os, tempfile
"""
_END = "import json as _json; print('ANSWERS' + _json.dumps(check.__globals__['_answers']))"


def answers_in_jupyter(notebooks, folder):
    """What calls of `check` got, by question, for each notebook run in one real kernel.

    The kernel starts anew for each: its names are deleted, and it gets a folder of its own.
    """
    from jupyter_client.manager import start_new_kernel

    found = []
    for number, cells in enumerate(notebooks):
        inner = folder / str(number)
        inner.mkdir()
        manager, client = start_new_kernel(kernel_name="python3", cwd=str(inner))
        try:
            _run(client, _CHECK.format(folder=str(inner)), store_history=False)
            for cell in cells:
                if cell.strip():
                    _run(client, cell)
            printed = _run(client, _END, store_history=False)
            found.append(json.loads(printed.partition("ANSWERS")[2]))
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    return found


def _run(client, code, store_history=True):
    printed = ""
    message = client.execute(code, store_history=store_history, stop_on_error=False)
    while True:
        try:
            reply = client.get_iopub_msg(timeout=300)
        except queue.Empty:
            raise TimeoutError(code) from None
        if reply["parent_header"].get("msg_id") != message:
            continue
        if reply["msg_type"] == "stream":
            printed += reply["content"]["text"]
        if reply["msg_type"] == "status" and reply["content"]["execution_state"] == "idle":
            return printed
