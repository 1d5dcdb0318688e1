"""What was handed in, by whom, and when.

================ =============================================================================
module           knows
================ =============================================================================
``submissions``  the submissions of a class, and which of a student's files counts
``choosing``     which of a student's notebooks is graded
``exports``      how course systems name files, and what they write beside them
``files``        folders and archives, and what of them is refused
``zip_names``    the names in archives of Finder, Explorer and PowerShell
``commit_times`` when a file in a clone was committed
``times``        times as course systems write them
``notebooks``    how the code of a notebook file is read, whatever the file holds
``written``      the Markdown that a student wrote
``roster``       the students of a class, and how file names lead to them
``headings``     the headings of rosters, in several languages
``csv_files``    CSV files as spreadsheets save them
``names``        names of students, whoever writes them
================ =============================================================================
"""
