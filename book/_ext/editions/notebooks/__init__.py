"""How an edition becomes an executed, verified notebook.

======================= ==========================================================
module                  knows
======================= ==========================================================
``notebook``            how an edition looks as a notebook, and when it is stale
``outputs``             which outputs may be stored
``execution``           how editions are executed
``accelerators``        which GPUs a framework sees
``card_differences``    which parts of an output may differ from GPU to GPU
``verification``        what is verified, and what can only be recorded
``nbval_plugin``        how nbval is taught our rules (a pytest plugin)
``verification_record`` what the last verifying run found of each notebook
======================= ==========================================================
"""
