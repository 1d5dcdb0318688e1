"""What every wing builds on: the project's settings, the frameworks, files, errors, words.

================== ===============================================================
module             knows
================== ===============================================================
``project``        all of the following about one project, and where its files are
``settings``       what ``_config.yml`` says
``contents``       which files are pages, and which pages are chapters: ``_toc.yml``
``addresses``      where pages, files and notebooks are on the web
``launchers``      which services open a notebook, and by which address
``helper_package`` from where readers install the helper package
``pins``           which versions ``requirements.txt`` pins
``yaml_text``      how YAML is parsed or refused
``frameworks``     what distinguishes the frameworks
``files``          how text is read and results are replaced as a whole
``processes``      how programs are started and stopped
``terminal``       how text that was written for a terminal is cleaned
``strings``        the words that the tools put on pages and into notebooks
``errors``         errors that are shown to a person as one message
================== ===============================================================
"""
