"""What was handed in, and by whom.

=============== ==============================================================================
module          knows
=============== ==============================================================================
``submissions`` the folders and archives that course systems export, and which file counts
``notebooks``   how the code of a notebook file is read, whatever the file holds
``csv_files``   CSV files as spreadsheets save them
``roster``      the students of a class, and how file names lead to them
=============== ==============================================================================
"""
