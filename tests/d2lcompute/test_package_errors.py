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
