"""Grade a class's notebooks: student code runs in a sandbox, and is judged outside of it.

Each wing knows one thing, and imports only wings below it:

================== ===========================================================================
``command_line``   the words that an instructor types
``arguments``      what is said about words that no command knows
``class_commands`` what a teacher asks about the class
``class_grading``  how a whole class is graded: resumed, in parallel, kept as it goes
``gradebook``      what is kept of the marks, and how it is shown
``judging``        how answers are requested from the sandbox and given points
``intake``         what was handed in, and by whom
``sandbox``        where student code runs, and what it may use
``data_folder``    where the secret, the gradebook and the records are kept
``units``          sizes in bytes
================== ===========================================================================
"""
