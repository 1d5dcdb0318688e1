"""Weave one chapter source into a notebook for each framework and one page, and verify them.

A chapter is one MyST-NB Markdown file whose cells are tagged with the framework they belong to.
From it this package makes an *edition* for each framework, an ordinary notebook; runs it where it
is stale; checks that a second run gives the same outputs; and weaves the editions into one page.

Each wing knows one thing, and imports only wings below it:

================ ==================================================================
``command_line`` the words that a person types
``site``         how the editions become pages, and pages become a site or a PDF
``exercises``    what students get of the exercises, and what their teachers get
``notebooks``    how an edition becomes an executed, verified notebook
``source``       what an author writes: the format of a chapter
``base``         where things are, which frameworks there are, how files are written
================ ==================================================================
"""

from __future__ import annotations

from typing import Any


def setup(app: Any) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    from editions.site.extension import setup as setup_site

    return setup_site(app)
