"""Errors are shown as they are, and an error that does not come is one."""

import pytest

from d2lcompute.errors import shown_error


def test_type_and_message_are_printed_and_the_cell_goes_on(capsys):
    with shown_error():
        [][1]
    print("on")
    assert capsys.readouterr().out == "IndexError: list index out of range\non\n"


def test_a_message_is_whole(capsys):
    error = ValueError("one\n  two: (3, 4)\n")
    error.add_note("and a note")
    with shown_error():
        raise error
    assert capsys.readouterr().out == "ValueError: one\n  two: (3, 4)\n\nand a note\n"


def test_an_address_is_not_printed_for_it_does_not_repeat(capsys):
    with shown_error():
        raise TypeError(f"{object()} and 0x1F")
    assert capsys.readouterr().out == "TypeError: <object object at 0x...> and 0x1F\n"


FRAMES = """in user code:

    File "/tmp/ipykernel_1/2.py", line 2, in shares  *
        total = X.numpy()
Detected at:
  File "/usr/lib/runpy.py", line 196, in run
  File "/home/ada/lib/ops.py", line 7, in add
# File "C:\\Users\\a b\\3.py", line 5, in f, code: x > 0
A file: File "x.txt"
"""
SHOWN = """in user code:

    File "...", line 2, in shares  *
        total = X.numpy()
Detected at:
  File "...", line 7, in add
# File "...", line 5, in f, code: x > 0
A file: File "x.txt"
"""


def test_of_stack_frames_the_last_in_a_row_is_printed_without_its_folder(capsys):
    with shown_error():
        raise ValueError(FRAMES)
    assert capsys.readouterr().out == f"ValueError: {SHOWN}"


@pytest.mark.parametrize(
    ("lines", "shown"),
    [(1, "a\n[lines left out: 3]\n"), (3, "a\nb\n\n[lines left out: 1]\n"), (4, "a\nb\n\nc\n")],
)
def test_a_line_says_how_many_are_left_out(
    lines: int, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with shown_error(lines=lines):
        raise ValueError("a\nb\n\nc\n")
    assert capsys.readouterr().out == f"ValueError: {shown}"


@pytest.mark.parametrize("marker", ["goo.gle/debugonly ", "goo.gle/debugstr  ", ""])
def test_the_marker_of_a_protocol_buffer_is_left_out(
    marker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with shown_error():
        raise ValueError(f"attributes: {marker}name: 1")
    assert capsys.readouterr().out == "ValueError: attributes: name: 1\n"


def test_colours_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_error():
        raise ValueError("\x1b[1mbold\x1b[0m")
    assert capsys.readouterr().out == "ValueError: bold\n"


def test_no_error_is_refused():
    with pytest.raises(RuntimeError, match="raised no error"), shown_error():
        pass


def test_other_errors_pass_through():
    with pytest.raises(KeyError), shown_error((ValueError, TypeError)):
        {}[1]
    with pytest.raises(KeyboardInterrupt), shown_error():
        raise KeyboardInterrupt
