"""What may differ from card to card: the rules that are applied before outputs are compared.

A card is a GPU, or any other accelerator.

Each rule has a name and replaces one kind of text by a word, in the stored output and in the new
one alike. Everything else is compared character by character, the numbers that a chapter teaches
among them. To add a rule, append it to `RULES`, and add examples of what it rewrites and of what it
leaves alone to `tests/editions/test_cards.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

NUMBER = r"(?<![\w.,-])\d[\d.,]*(?:e[+-]?\d+)?"
BYTES = r"(?:[KMGTP]i?B|bytes)"
OF_A_CARD = r"""(?i:\b((?:total_|(?:free|device|GPU|card|video)[ _])memory['"]?(?: is|:|=) ?))"""
KINDS = ("cuda", "mps", "xpu", "hpu", "npu", "mtia", "mlu")  # device types of PyTorch


@dataclass(frozen=True)
class Rule:
    """One kind of text that differs from card to card."""

    name: str
    pattern: str  # a regular expression
    replacement: str  # as `re.sub` takes it


# Applied from top to bottom, after the cards' names: a rule may rely on what is replaced above it.
RULES = (
    # cuda:1 on one machine, mps:1 on another; the number is compared
    Rule("kind", rf"\b(?:{'|'.join(KINDS)})(?=:\d)", "gpu"),
    # 4.8 TB/s
    Rule("bandwidth", rf"{NUMBER} ?{BYTES}/s\b", "<bandwidth>"),
    # 67.0 TFLOP/s, 312 TFLOPS, 5200 images/s; not 2 GFLOPs, which is a number of operations
    Rule(
        "throughput",
        rf"{NUMBER} ?(?:[KMGTPE]?(?:FLOP/s|FLOPS)|(?:images|samples|tokens|steps|batches|it)/s)\b",
        "<throughput>",
    ),
    # the memory of a card, in all or free: after the card's name, or after words such as GPU memory
    Rule("memory of a card", rf"(?<=<card>)(['\"]?, ['\"]?){NUMBER} ?{BYTES}", r"\1<memory>"),
    Rule("memory", rf"{OF_A_CARD}{NUMBER} ?{BYTES}", r"\1<memory>"),
    # used and total memory, as nvidia-smi prints it
    Rule("memory in use", rf"{NUMBER} ?MiB / {NUMBER} ?MiB", "<memory>"),
)


def rules(cards: Iterable[str]) -> list[Rule]:
    """Return the rules for outputs of the cards with these names, in the order to apply them."""
    longest_first = sorted({name for name in cards if name}, key=lambda name: (-len(name), name))
    names = [Rule("name", rf"(?<!\w){re.escape(name)}(?!\w)", "<card>") for name in longest_first]
    return [*names, *RULES]
