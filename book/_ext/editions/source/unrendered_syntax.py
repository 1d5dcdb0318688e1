"""Syntax that the site and the viewers of notebooks show as raw text.

Most of it is MyST syntax that is not enabled (``myst_enable_extensions`` in ``_config.yml``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unrendered:
    """A kind of syntax that is shown as raw text."""

    name: str
    pattern: str  # a regular expression
    advice: str


CODE = "or mark it as code with backticks"
KINDS = (
    Unrendered(
        "the LaTeX environment", r"\\begin\{[a-z]+\*?\}", "put it into a formula, between lines $$"
    ),
    Unrendered(
        "the displayed formula",
        r"\$\$[^$\n]+\$\$",
        "put it on a line of its own, or between single dollar signs",
    ),
    Unrendered("the substitution", r"\{\{.*?\}\}", f"write out its text, {CODE}"),
    Unrendered(
        "the attribute list",
        r"\{[ \t]*(?:[#.][\w:-]|[\w:-]+=)[^{}\n]*\}",
        f"remove it, use a directive with options, {CODE}",
    ),
    Unrendered("the role", r"\{[\w:+.-]+\}(?=`)", f"use a role that exists, {CODE}"),
    Unrendered("the footnote", r"\[\^[^\s\]]+\]", f"define it in a line [^label]: text, {CODE}"),
    Unrendered(
        "the inline footnote", r"\^\[[^\]\n]*\]", f"define it in a line [^label]: text, {CODE}"
    ),
    Unrendered(
        "the address",
        r"<(?:#[\w:-]+|[^\s<>:]+\.(?:md|ipynb|rst)(?:#[^\s<>]*)?)>",
        f"write [](address), {CODE}",
    ),
    Unrendered(
        "the subscript",
        r"(?<!~)~(?!~)[^\s~](?:[^~\n]*[^\s~])?~(?!~)",
        "use the role {sub}, or write \\~ for a tilde",
    ),
    Unrendered("the superscript", r"\^[^\s^]{1,20}\^", "use the role {sup}, or a formula"),
    Unrendered("the definition", r"(?<=\n): +\S[^\n]*", "use a list or a table"),
    Unrendered("the field", r"(?<![^\n]):[\w-]+:(?=[ \n])", "use a list or a table"),
)
# A link to a label without a definition: found by its brackets, which may be nested.
REFERENCE = Unrendered("the reference", r"", f"define its label in a line [label]: address, {CODE}")
BY_NAME = {kind.name: kind for kind in (*KINDS, REFERENCE)}
