"""How the editions become pages, and pages become a site or a PDF.

==================== ===============================================================
module               knows
==================== ===============================================================
``extension``        the Sphinx extension: the modules down to ``unused_styles``
``sphinx_project``   which project a Sphinx application builds
``chapter_pages``    how Sphinx reads a chapter
``weaving``          how editions become the one notebook that Sphinx reads
``tabs``             how runs of framework cells become tab sets
``chapter_header``   what appears under a chapter's title
``live_cells``       the button that makes a page's cells run, and what its scripts know
``exercise_pages``   the pages of exercises, and the table of all questions
``downloads``        where the site has the notebooks
``wheels``           the helper package's wheels that the site serves
``status_page``      what the status page says of each notebook
``prediction_nodes`` how predictions look on a page
``cell_folds``       how cells are put into folds: answers, and asides
``quiz_directive``   how self-check questions look on a page
``folds``            how claims are folded
``drawings``         how drawings stay readable on phones
``moved_sections``   how old addresses of sections and questions lead to new ones
``moving_figures``   how the modules and numbers of figures that move reach a page
``figure_pictures``  how the picture of such a figure is drawn
``formulas``         how mathematics is rendered
``api_reference``    what the reference of the packages is read from
``page_head``        what the theme's templates know, and which scripts a page loads
``search_index``     what the search page searches
``site_files``       the page for missing addresses, the site map; files made small
``outdated_files``   what earlier builds left that the book has no more
``unused_styles``    which of the theme's styles no page uses
``build``            how a build is started and reported
``link_check``       how addresses outside the book are checked
``preview``          how the site is served on this machine
``live_site``        how the site is served so that its cells run
``pdf``              how the book is printed
``browser``          which browser is used
==================== ===============================================================
"""
