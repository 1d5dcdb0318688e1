"""Grade a class's notebooks: student code runs in a sandbox, judging happens outside of it.

What knows what:

- `limits`, `machine`, `cgroups`, `process`, `sandbox`: where student code runs, what it may use
- `stage`: what is put into the sandbox (`inside/`: the only files of the grader that go there)
- `channel`, `session`, `cluster`: asking for answers and getting plain data back
- `judging`, `secret`, `questions`: inputs, and points for outputs; never a student's code
- `notebooks`, `intake`, `roster`: reading what was handed in, and by whom
- `results`, `gradebook`, `export`, `report`: what was found, kept and shown
- `grade`, `command_line`: a whole class

``grader --help`` says how it is used.
"""
