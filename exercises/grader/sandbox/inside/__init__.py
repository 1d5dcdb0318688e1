"""The code that runs in the sandbox: the only files of the grader that are copied there."""
