"""What may differ from card to card, and is levelled before a GPU's outputs are compared.

Each rule has a name and rewrites one kind of thing, in the stored output and in the new one alike.
All else, the numbers that a chapter teaches among them, is compared to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

NUMBER = r"(?<![\w.,-])\d[\d.,]*(?:e[+-]?\d+)?"
BYTES = r"(?:[KMGTP]i?B|bytes)"
OF_A_CARD = r"""(?i:\b((?:total_|(?:free|device|GPU|card|video)[ _])memory['"]?(?: is|:|=) ?))"""
KINDS = ("cuda", "mps", "xpu", "hpu", "npu", "mtia", "mlu")  # PyTorch's words for an accelerator


@dataclass(frozen=True)
class Rule:
    """One kind of thing that differs from card to card."""

    name: str
    pattern: str  # a regular expression
    replacement: str  # as `re.sub` takes it


RULES = (
    # cuda:1 on one machine, mps:1 on another: the number is compared
    Rule("kind", rf"\b(?:{'|'.join(KINDS)})(?=:\d)", "gpu"),
    # 4.8 TB/s
    Rule("bandwidth", rf"{NUMBER} ?{BYTES}/s\b", "<bandwidth>"),
    # 67.0 TFLOP/s, 312 TFLOPS, 5200 images/s; a number of operations, 2 GFLOPs, is left
    Rule(
        "throughput",
        rf"{NUMBER} ?(?:[KMGTPE]?(?:FLOP/s|FLOPS)|(?:images|samples|tokens|steps|batches|it)/s)\b",
        "<throughput>",
    ),
    # what a card has, or has left: after the card's name, or after words that say so
    Rule("memory of a card", rf"(?<=<card>)(['\"]?, ['\"]?){NUMBER} ?{BYTES}", r"\1<memory>"),
    Rule("memory", rf"{OF_A_CARD}{NUMBER} ?{BYTES}", r"\1<memory>"),
    # as nvidia-smi has it, used and all
    Rule("memory in use", rf"{NUMBER} ?MiB / {NUMBER} ?MiB", "<memory>"),
)


def rules(cards: Iterable[str]) -> list[Rule]:
    """The rules for outputs of the cards with these names, in the order in which they work."""
    longest_first = sorted({name for name in cards if name}, key=lambda name: (-len(name), name))
    names = [Rule("name", rf"(?<!\w){re.escape(name)}(?!\w)", "<card>") for name in longest_first]
    return [*names, *RULES]
