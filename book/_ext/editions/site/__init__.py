"""How the editions become pages, and pages become a site or a PDF.

================== ===============================================================
module             knows
================== ===============================================================
``extension``      the Sphinx extension: which of the others acts at which event
``sphinx_project`` which project a Sphinx application builds
``weaving``        how editions become the one notebook that Sphinx reads
``tabs``           how runs of framework cells become tab sets
``chapter_header`` what appears under a chapter's title
``status_page``    what the status page says of each notebook
``quiz_directive`` how self-check questions look on a page
``formulas``       how mathematics is rendered
``theme``          the page's head, the folds, the page for missing addresses
``unused_styles``  which of the theme's styles no page uses
``build``          how a build is started and reported
``preview``        how the site is served on this machine
``pdf``            how the book is printed
``browser``        which browser is used
================== ===============================================================
"""
