"""What is kept of the marks, and how it is shown.

================= ============================================================================
module            knows
================= ============================================================================
``records``       the file that is kept of each graded submission, and when it is reused
``database``      the marks that count, manual overrides included
``hand_marks``    the table in which a person marks texts
``text_table``    the table of marks in the terminal
``export``        the CSV files that course systems import
``student_pages`` the page that a student may see
================= ============================================================================
"""
