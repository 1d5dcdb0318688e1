"""What is kept of the marks, and how it is shown.

=================== ==========================================================================
module              knows
=================== ==========================================================================
``records``         the file that is kept of each graded submission, and when it is reused
``schema``          the tables of the gradebook, and how those of earlier versions get up to date
``database``        the marks that count, those given by hand included
``class_list``      the students, their files, deadlines and extensions
``hand_ins``        whose work is whose, and who shares a mark
``keeping``         how what was graded gets into the gradebook
``hand_marks``      the table in which a person gives marks
``text_table``      the table of marks in the terminal
``to_look_at``      the places in graded code that a person should look at
``export``          the CSV files that course systems import
``worksheets``      which row of Moodle's worksheet is whose
``spreadsheets``    cells that no spreadsheet runs
``html_pages``      the frame of pages
``student_pages``   the page that a student may see
``report_files``    the names under which course systems take pages back
``statistics``      what a class did, in numbers
``likeness``        submissions that are the same but for names and layout
``statistics_page`` the page about what a class did
=================== ==========================================================================
"""
