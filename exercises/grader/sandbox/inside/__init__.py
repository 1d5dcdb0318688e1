"""What runs inside the sandbox. These files, and no others of the grader, are put there."""
