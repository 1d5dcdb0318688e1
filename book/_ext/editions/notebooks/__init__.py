"""How an edition becomes an executed, verified notebook.

======================= ==========================================================
module                  knows
======================= ==========================================================
``edition``             what an edition is, and which editions a book has
``notebook``            how an edition looks as a notebook
``staleness``           when a stored notebook must be run again
``dependencies``        which modules of the helper package a notebook reaches
``kernels``             how the cells of a notebook are run
``outputs``             which outputs may be stored
``answer_keys``         which answers to predictions a run gives
``storage``             in which copies a notebook is stored
``execution``           how editions are run and stored, several at a time
``upkeep``              how stored notebooks are kept up to date
``accelerators``        which GPUs a framework can use
``card_differences``    which parts of an output may differ from GPU to GPU
``verification``        what is compared, and what can only be recorded
``nbval_plugin``        how nbval applies this book's rules (a pytest plugin)
``verification_record`` the result of the last verifying run of each notebook
======================= ==========================================================
"""
