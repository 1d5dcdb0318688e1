"""Unused styles: a rule stays where a page or a script can use it, and goes everywhere else."""

from __future__ import annotations

import pytest
from editions.site.unused_styles import used_styles

CLASSES = {"card", "a:b", "fa-bug", "fa-star"}
GLYPHS = {0xF188}


@pytest.mark.parametrize(
    "rule",
    [
        "p{color:red}",
        ".card{color:red}",
        'html[data-x=".gone"] .card:hover>a:not(.gone){color:red}',
        "a:is(.gone,.card){color:red}",
        r".a\:b{color:red}",
        ".bs-made-by-a-script{color:red}",
        '@charset "utf-8";',
        '@font-face{font-family:x;src:url(gone.woff2) format("woff2")}',
        "@keyframes turn{from{opacity:0}to{opacity:1}}",
        "@media (min-width:1px){.card{color:red}}",
        "@supports (display:grid){@media print{.card{color:red}}}",
        '.fa-bug:before{content:"\uf188"}',
        '.card:before{content:"\uf005"}',
        '.fa-star:before{content:"\uf005";color:red}',
        ":root{--x:{};--y: a b }",
    ],
)
def test_what_can_match_stays(rule: str) -> None:
    assert used_styles(rule, CLASSES, GLYPHS).replace(" (", "(") == rule.replace(" (", "(")


@pytest.mark.parametrize(
    "rule",
    [
        ".gone{color:red}",
        ".card .gone{color:red}",
        ".card.gone:hover{color:red}",
        "@media (min-width:1px){.gone{color:red}}",
        "@supports (display:grid){@media print{.gone{color:red}}}",
        r'.fa-star:before{content:"\f005"}',
        "/* a remark */",
        ".card",  # a rule without a block
    ],
)
def test_what_cannot_match_goes(rule: str) -> None:
    assert used_styles(rule, CLASSES, GLYPHS) == ""


def test_a_list_of_selectors_keeps_those_that_can_match() -> None:
    rule = ".gone, .card:is(.x, .y) , p /* , .z */ a{color:red}"
    assert used_styles(rule, CLASSES, GLYPHS) == ".card:is(.x, .y),p  a{color:red}"
