"""The instructor's own right answers, kept beside the questions to try them."""

ANSWERS = {"exam.local": lambda x: x - x.mean()}
