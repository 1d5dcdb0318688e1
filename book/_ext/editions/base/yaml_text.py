"""YAML: parsed, or refused with the line of the mistake."""

from __future__ import annotations

from typing import Any

import yaml

from editions.base.errors import EditionsError, SourceError


def parse_yaml(text: str, shown: str, what: str = "this") -> Any:
    """Parse YAML.

    Args:
        text: the YAML, which begins on the first line of its file.
        shown: the file's name in messages.
        what: the part of the file that `text` is, in messages.

    Raises:
        SourceError: the text is not YAML; names the line.
        EditionsError: the text is not YAML and the parser gives no line.
    """
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SourceError(shown, line, f"{what} is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise EditionsError(f"{shown}: {what} is not YAML: {error}") from error
