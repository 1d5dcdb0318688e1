"""What students get of the exercises, what their teachers get, and whether the questions are right.

====================== =============================================================
module                 knows
====================== =============================================================
``exercise_files``     the format of an exercise file, and which files a book has
``handouts``           what students get: notebooks and archives
``public_questions``   what of a file of questions is handed out
``worked_solutions``   what teachers get: the solutions, run
``chapter_files``      the files of a chapter's exercises in one folder
``question_faults``    what is wrong with them, as far as it shows without a framework
``stated_points``      the points that a section's text states
``never_failing``      judges that find nothing wrong with anything
``written_answers``    the answers that they hold, ready to be judged
``judging``            the rules that a question keeps, and what breaks them
``forked_inspections`` how to inspect what many answers gave, each in a fork
``altered_replies``    what a hostile process may send
``trials``             what is tried on a chapter's questions
``trial_process``      a process that tries them, which an answer may end
``check_questions``    the command that tries a folder of questions
``judged_inside``      aspects that compare where a student's code runs
``judged_seeds``       the seeds on which a commit is judged
``new_question``       the command that writes a question
``skeleton``           what it writes
``migration``          how to move questions of the first edition
``python_lines``       where something stands in a Python file
====================== =============================================================
"""
