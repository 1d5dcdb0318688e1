"""What every wing builds on: the project's settings, the frameworks, files, errors, words.

================== ===============================================================
module             knows
================== ===============================================================
``project``        where things are and what ``_config.yml`` and ``_toc.yml`` say
``frameworks``     what distinguishes the frameworks
``files``          how text is read and results are replaced as a whole
``processes``      how programs are started and stopped
``terminal``       how text that was written for a terminal is cleaned
``strings``        the words that the tools put on pages and into notebooks
``errors``         errors that are shown to a person as one message
================== ===============================================================
"""
