"""What an author writes: the format of a chapter, and how its Markdown becomes portable.

===================== ============================================================
module                knows
===================== ============================================================
``chapter``           cells, tags and names, and the rules for them
``claims``            what a claim cell must assert
``asides``            which cells are in an aside
``predictions``       how a question and the cells that answer it belong together
``spoilers``          what gives an answer away
``quiz_choices``      how the choices of a self-check question are written
``myst_syntax``       how MyST Markdown is parsed into blocks and directives
``inline_elements``   how their contents are parsed, and where each element is
``text_origins``      where the contents of blocks come from in a text
``unrendered_syntax`` which syntax would appear as raw text
``raw_html``          which tags in Markdown refer to the book
``link_targets``      what a link can point to, and the titles of its targets
``page_definitions``  footnotes and the addresses of reference links
``citations``         what the bibliography says of a key
``portable_markdown`` how a cell becomes what any notebook viewer renders
``portable_inline``   how links, pictures, roles, ... become portable
``summary_html``      how the summary of a fold becomes HTML
``text_edits``        how parts of a text are replaced
``dropped_pages``     what becomes of links to pages that a fork leaves out
``new_chapter``       how a chapter is begun
===================== ============================================================
"""
