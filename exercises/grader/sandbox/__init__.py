"""Where student code runs, and what it may use.

============== ===============================================================================
module         knows
============== ===============================================================================
``workers``    how workers are started: one sandbox each, or forked from one process
``bubblewrap`` how one sandbox is configured, started and ended
``stage``      which files are copied into the sandbox
``leaks``      that nothing staged holds what no student may see
``channel``    how messages are exchanged with a worker that is not trusted
``machine``    what this machine offers for isolation, and what to do if it offers none
``cgroups``    how control groups limit all processes of a submission together
``processes``  what the processes of a sandbox use together
``guard``      what ends sandboxes and deletes folders when the grader is killed
``limits``     how much a submission may use, and which defences there are
``inside``     the code that runs in the sandbox; it imports nothing else of the grader
============== ===============================================================================
"""
