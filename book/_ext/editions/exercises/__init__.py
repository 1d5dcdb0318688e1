"""What students get of the exercises, and what their teachers get.

================== ===============================================================
module             knows
================== ===============================================================
``exercise_files`` the format of an exercise file, and what is made of one
================== ===============================================================
"""
