"""Weave one chapter source into two notebooks and one page, and verify what they show.

A chapter is one MyST-NB Markdown file whose cells are tagged with the framework they belong to.
From it this package makes an *edition* for each framework, an ordinary notebook; runs it where it
is stale; checks that a second run gives the same outputs; and weaves the editions into one page.

================ ==================================================================
module           knows
================ ==================================================================
``project``      where things are and what ``_config.yml`` says of them
``frameworks``   what distinguishes the frameworks
``source``       the source format of a chapter
``plain``        how MyST Markdown becomes Markdown that any notebook viewer renders
``notebook``     how an edition looks as a notebook, and when it is stale
``claims``       what a claim cell must assert
``outputs``      which outputs may be stored
``running``      how editions are executed
``accelerators`` which GPUs a framework sees
``cards``        what may differ from card to card
``record``       the verification record
``verifying``    how nbval is taught our rules (a pytest plugin)
``comparing``    what is verified, and what can only be recorded
``weaving``      how editions become the notebook that Sphinx reads
``tabs``         how runs of framework cells become tab sets
``header``       what stands under a chapter's title
``starting``     how a chapter is begun
``choosing``     what becomes of links to pages that a fork leaves out
``status``       what the status page says of each notebook
``choices``      how self-check questions are written
``quiz``         how self-check questions look on a page
``formulas``     how mathematics is rendered
``theme``        how the site is dressed
``slim``         which of the theme's styles no page uses
``exercises``    what students get of the exercises, and what their teachers get
``building``     how a build is started and reported
``browser``      which browser there is
``printing``     how the book is printed
``sphinx``       the Sphinx extension: the thin layer that calls the others
================ ==================================================================
"""

from __future__ import annotations

from typing import Any


def setup(app: Any) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    from editions.sphinx import setup as setup_sphinx

    return setup_sphinx(app)
