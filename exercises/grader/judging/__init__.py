"""How answers are requested from the sandbox and given points.

================ =============================================================================
module           knows
================ =============================================================================
``session``      how the answers of one submission are collected, through hangs and crashes
``cluster``      how the same is done on the nodes of a `dask.distributed` cluster
``marking``      how outputs become points
``expectations`` what each aspect expects, in words that are public
``questions``    which questions there are, private ones included
``secret``       how each student's inputs are derived from the instructor's secret
================ =============================================================================
"""
