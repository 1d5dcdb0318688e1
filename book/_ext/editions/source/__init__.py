"""What an author writes: the format of a chapter, and how its Markdown becomes portable.

===================== ============================================================
module                knows
===================== ============================================================
``chapter``           cells, tags and names, and the rules they obey
``claims``            what a claim cell must assert
``quiz_choices``      how the choices of a self-check question are written
``portable_markdown`` how MyST Markdown becomes what any notebook viewer renders
``dropped_pages``     what becomes of links to pages that a fork leaves out
``new_chapter``       how a chapter is begun
===================== ============================================================
"""
