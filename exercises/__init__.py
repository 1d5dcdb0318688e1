"""The exercises' texts, and the grader that marks a class's answers to them."""
