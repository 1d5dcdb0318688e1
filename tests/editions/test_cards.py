"""The rules for what differs from card to card: each rewrites its own, and nothing else."""

from __future__ import annotations

import re

import pytest
from editions.notebooks.card_differences import RULES, rules

CARDS = ("NVIDIA H200", "Tesla T4", "NVIDIA H100 80GB HBM3", "NVIDIA H100", "MPS")
REWRITES = {
    "name": [
        ("NVIDIA H200", "<card>"),
        ("['NVIDIA H200', 'Tesla T4']", "['<card>', '<card>']"),
        ("NVIDIA H100 80GB HBM3 is fast", "<card> is fast"),
        ("the MPS", "the <card>"),
    ],
    "kind": [("cuda:1", "gpu:1"), ("device(type='x') mps:0", "device(type='x') gpu:0")],
    "bandwidth": [
        ("4.8 TB/s", "<bandwidth>"),
        ("reads 312.5 GB/s, writes 1,024 MiB/s", "reads <bandwidth>, writes <bandwidth>"),
        ("4.8e+12 bytes/s", "<bandwidth>"),
    ],
    "throughput": [
        ("67.0 TFLOP/s", "<throughput>"),
        ("312 TFLOPS", "<throughput>"),
        ("5,200 images/s and 12.5 it/s", "<throughput> and <throughput>"),
    ],
    "memory of a card": [
        ("NVIDIA H200, 143771 MiB", "<card>, <memory>"),
        ("['Tesla T4', '15360 MiB']", "['<card>', '<memory>']"),
    ],
    "memory": [
        ("total_memory=143167MB", "total_memory=<memory>"),
        ("GPU memory: 139.8 GiB", "GPU memory: <memory>"),
        ("Free memory is 12 GB", "Free memory is <memory>"),
        ("{'total_memory': 15 GB}", "{'total_memory': <memory>}"),
    ],
    "memory in use": [("| 1234MiB / 15360MiB |", "| <memory> |")],
}
LEFT_ALONE = [
    "tensor([0.1234, -5.6789], device='cpu')",
    "torch.Size([2, 3])",
    "parameters: 4 KB",
    "memory of the parameters: 24 bytes",
    "the optimizer's memory: 1.5 GB",
    "add two vectors     0.08 FLOP/byte",
    "a product costs 2.1 GFLOPs",
    "2.000 s, 3 steps, 64 images",
    "GPU:0 CPU:1 meta",
    "cuda",
    "a card of 3 GB",
    "NVIDIA",
    "NVIDIA H2000",
    "MPSX",
    "True 15360 / 4",
    "4 MB / 2",
]


def levelled(text: str) -> str:
    """As nbval does it: rule after rule."""
    for rule in rules(CARDS):
        text = re.sub(rule.pattern, rule.replacement, text)
    return text


@pytest.mark.parametrize(
    ("text", "expected"), [pair for pairs in REWRITES.values() for pair in pairs]
)
def test_it_rewrites_what_differs(text: str, expected: str) -> None:
    assert levelled(text) == expected


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_it_leaves_all_other_numbers(text: str) -> None:
    assert levelled(text) == text


@pytest.mark.parametrize("rule", [*RULES, rules(CARDS)[0]], ids=lambda rule: rule.name)
def test_each_rule_is_needed(rule: object) -> None:
    """Without it, what it is for would differ: no rule stands here that does nothing."""
    for text, expected in REWRITES[rule.name]:
        for one in rules(CARDS):
            if one.name != rule.name:
                text = re.sub(one.pattern, one.replacement, text)
        assert text != expected


def test_every_rule_has_examples() -> None:
    assert {"name", *(rule.name for rule in RULES)} == set(REWRITES)


def test_without_a_name_no_name_is_rewritten() -> None:
    assert [rule.name for rule in rules(["", ""])] == [rule.name for rule in RULES]
