"""The first edition's name for `d2lexercises`; its notebooks and private questions go on working.

The next release drops it: write ``from d2lexercises import check, score``.
"""

from d2lexercises import chapters, check, find_question, questions, score

__all__ = ["chapters", "check", "find_question", "questions", "score"]
