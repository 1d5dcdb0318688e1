"""What students get of the exercises, and what their teachers get.

==================== =============================================================
module               knows
==================== =============================================================
``exercise_files``   the format of an exercise file, and which files a book has
``handouts``         what students get: notebooks and archives
``public_questions`` what of a file of questions is handed out
``worked_solutions`` what teachers get: the solutions, run
==================== =============================================================
"""
