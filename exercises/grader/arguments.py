"""What is said about words of a command line that no command knows."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with the command that explains more."""

    def error(self, message: str) -> NoReturn:
        """Print the line, and end."""
        self.exit(2, f"error: {message} (see {self.prog} --help)\n")


def parse(parser: argparse.ArgumentParser, arguments: list[str] | None) -> argparse.Namespace:
    """Return the options; end with a line if there are words too many.

    Each command's parser has to be among its defaults, as `parser`: it explains more.
    """
    options, further = parser.parse_known_args(arguments)
    if further:
        command: argparse.ArgumentParser = options.parser
        meant = _meant(further, command)
        hint = f"; did you mean {meant}?" if meant else ""
        command.error(f"unrecognized arguments: {' '.join(further)}{hint}")
    return options


def _meant(words: list[str], command: argparse.ArgumentParser) -> str:
    """Return what may have been meant by the first word that tells; "" if none does."""
    known = [option for option in command._option_string_actions if option.startswith("--")]
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, sign, value = word.partition("=")
        near = difflib.get_close_matches(f"--{option.lstrip('-')}", known, 1)
        if word.startswith("-") and near:
            given = f" {following}" * bool(following and not following.startswith("-"))
            return f"{near[0]}{sign}{value}{given}"
        table = next((one for one in ("--roster", "--worksheet", "--to") if one in known), "")
        if word.casefold().endswith(".csv") and table:
            return f"{table} {word}"
        if re.fullmatch(r"[0-9]{1,2}:[0-9]{2}", word):
            return f"a time without a blank, such as 2026-11-20T{word:0>5}"
    return ""
