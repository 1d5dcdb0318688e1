"""The kinds of input that public reports of other graders' users told of, and what holds each.

Each kind once gave right work 0 points, refused a file, misread a name or let an attack pay. The
lists are by where the input comes from: the kind, and the tests that hold it, as
`file::test` or `file::test[case]`. Whoever finds another input of a kind adds it to the test that
is named here; another kind gets a line.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CHOOSING = "grader/test_grader_choosing.py::"
EXPORTS = "grader/test_grader_exports.py::"
ODD = "grader/test_grader_odd_notebooks.py::test_right_answers_earn_everything"
HAND_INS = "grader/test_grader_odd_hand_ins.py::"
CELLS = "grader/test_grader_cells.py::"
BOUNDARY = "grader/test_grader_boundary.py::"
PLOTTING = "d2lcompute/test_package_plotting.py::"
PROSE = "editions/test_portable_markdown.py::"

NOTEBOOKS = {
    "a service's module above the imports of its cell": [f"{ODD}[Drive above the imports]"],
    "a module that is not installed, above them": [f"{ODD}[torchvision above the imports]"],
    "line ends of old Macs, with a magic": [f"{ODD}[line ends of old Macs, and a magic]"],
    "a line magic that binds a name": [
        f"{ODD}[a line magic that binds]",
        f"{CELLS}test_the_answer_is_found[the value of a line magic]",
    ],
    "a file that a cell writes and another imports": [
        f"{ODD}[a file, then its import]",
        f"{CELLS}test_the_answer_is_found[a file, then its import]",
    ],
    "an import from the future that reaches later cells": [f"{ODD}[a future in the first cell]"],
    "a window for plots": [f"{ODD}[a window]"],
    "the framework last in a list of imports": [f"{ODD}[the framework last in a list]"],
    "checks inside of functions and loops": [
        f"{ODD}[a check in a function]",
        f"{ODD}[checks in one loop]",
    ],
    "more imports of the other framework": [f"{ODD}[more imports of the other framework]"],
    "syntax newer than the grader's Python": [
        "grader/test_grader_odd_notebooks.py::test_code_for_a_newer_python_needs_a_person"
    ],
    "a GPU in the cell of an answer": [f"{ODD}[a GPU in the cell of the class]"],
    "what `score` says of each of them": [
        "grader/test_grader_odd_notebooks.py::test_score_finds_nothing_wrong",
        f"{CELLS}test_score_knows_of_the_answer",
    ],
    "cells in another order than the answers need": [
        f"{HAND_INS}test_what_cannot_be_told_needs_a_person[checks first]"
    ],
    "code cells that a wrong key made text": [
        f"{HAND_INS}test_what_cannot_be_told_needs_a_person[an answer that became Markdown]"
    ],
    "what was handed out, pasted below the answers": [
        f"{HAND_INS}test_what_cannot_be_told_needs_a_person[the blank notebook below]"
    ],
    "questions under the names that they had": [
        "grader/test_grader_moved_questions.py::"
        "test_an_old_notebook_is_credited_where_its_questions_are_now"
    ],
}

WHAT_IS_HANDED_IN = {
    "several notebooks of one student": [
        f"{CHOOSING}test_the_latest_notebook_that_asks_the_checks_is_graded"
        "[another chapter, later by its name]",
        f"{CHOOSING}test_only_a_notebook_of_another_chapter_needs_a_person",
        f"{CHOOSING}test_one_answer_is_more_than_the_notebook_that_was_handed_out",
    ],
    "backslashes between folders": [f"{EXPORTS}test_whose_file_it_is[PowerShell]"],
    "names that Canvas writes": [
        f"{EXPORTS}test_whose_file_it_is[canvas]",
        f"{EXPORTS}test_whose_file_it_is[canvas, anonymous]",
        f"{EXPORTS}test_whose_file_it_is[canvas, a name without letters]",
    ],
    "names that Moodle writes": [
        f"{EXPORTS}test_whose_file_it_is[moodle]",
        f"{EXPORTS}test_whose_file_it_is[moodle, not in folders]",
        f"{EXPORTS}test_whose_file_it_is[moodle, one in a folder]",
    ],
    "names that Blackboard, Brightspace and Gradescope write": [
        f"{EXPORTS}test_whose_file_it_is[blackboard]",
        f"{EXPORTS}test_whose_file_it_is[brightspace, folders]",
        f"{EXPORTS}test_gradescope_names_its_students_in_a_file",
    ],
    "folders around a class, and around a student": [
        f"{EXPORTS}test_whose_file_it_is[one folder around everything]",
        f"{EXPORTS}test_whose_file_it_is[one student's chapters]",
        f"{EXPORTS}test_whose_file_it_is[what is handed out]",
    ],
    "copies by browsers, odd endings, dots and capitals": [
        f"{EXPORTS}test_whose_file_it_is[copies]",
        f"{EXPORTS}test_whose_file_it_is[two endings]",
        f"{EXPORTS}test_whose_file_it_is[dots and capitals]",
        f"{EXPORTS}test_a_part_of_a_plain_name_names_a_student",
    ],
    "one file for a group": [f"{EXPORTS}test_groups_share_a_mark"],
    "archives that students hand in, texts beside them": [
        f"{EXPORTS}test_archives_that_students_hand_in",
        f"{HAND_INS}test_no_archive_that_was_handed_in_is_forgotten",
    ],
    "clones, with thousands of files in `.git`": [f"{EXPORTS}test_clones_from_github"],
    "archives of another kind, and empty ones": [
        f"{EXPORTS}test_an_archive_of_another_kind_is_refused_with_what_to_do",
        "grader/test_grader_intake.py::test_nothing_there",
    ],
    "names in archives of Finder and Explorer": [
        f"{EXPORTS}test_names_in_archives_of_finder_and_explorer"
    ],
    "times of a download": [
        f"{EXPORTS}test_the_time_of_the_download_makes_nobody_late",
        f"{EXPORTS}test_files_without_a_time_are_not_late",
    ],
}

ROSTERS_AND_MARKS = {
    "rosters as systems and spreadsheets write them": [
        f"{EXPORTS}test_rosters_as_systems_and_spreadsheets_write_them[{kind}]"
        for kind in (
            *("canvas", "cp1252", "utf-16", "sep", "moodle", "moodle, german", "moodle, spanish"),
            *("moodle, two columns", "moodle, with logins", "github classroom", "gradescope"),
            *("only carriage returns", "two sections", "a heading of two lines", "no students"),
            *("an empty line first", "a blank that does not break", "letters in parts"),
        )
    ],
    "rosters that have lost something, or are no text": [
        f"{EXPORTS}test_rosters_that_are_refused_say_what_to_do"
    ],
    "the columns that Moodle's importer requires": [
        "grader/test_grader_back.py::test_moodle_gets_the_columns_that_its_importer_requires"
    ],
    "separators and formulas in cells of a CSV file": [
        "grader/test_grader_by_hand.py::test_a_spreadsheet_runs_no_cell"
    ],
}

ATTACKS = {
    "a program that carries the public judge": [
        "grader/test_grader_forging.py::"
        "test_a_program_that_brings_the_public_judge_is_marked_to_be_looked_at",
        "grader/test_grader_forging.py::"
        "test_no_general_forger_earns_anything_on_hidden_private_questions",
    ],
    "judges and solutions of private questions in the sandbox": [
        f"{BOUNDARY}test_judges_of_an_exam_stay_outside_however_they_are_written",
        f"{BOUNDARY}test_only_the_graded_chapter_is_staged_and_nobody_else_can_read_it",
    ],
    "memory that no process holds, without control groups": [
        f"{BOUNDARY}test_memory_that_no_process_holds",
        f"{BOUNDARY}test_memory_of_all_processes_is_watched_without_control_groups",
        f"{BOUNDARY}test_a_class_goes_on_past_the_file_that_stopped_it",
    ],
    "one archive or one student that refuses a class": [
        "grader/test_grader_intake.py::test_what_an_archive_declares_concerns_its_student_alone",
        f"{EXPORTS}test_one_student_cannot_stop_the_class",
        f"{EXPORTS}test_names_of_all_kinds_are_taken_or_refused_with_a_reason",
    ],
}

THE_BOOK_AND_ITS_PACKAGE = {
    "consoles that lack signs": [
        "d2lcompute/test_package_console.py::test_check_score_and_tables_print_on_any_console"
    ],
    "names and dates along x": [
        f"{PLOTTING}test_names_stand_along_x_as_matplotlib_shows_them",
        f"{PLOTTING}test_dates_stand_along_x_as_matplotlib_shows_them",
    ],
    "pictures of very many points": [
        "d2lcompute/test_package_notebook.py::test_figures_of_very_many_points_stay_small"
    ],
    "Markdown that notebooks show in another way": [
        f"{PROSE}test_conversion",
        f"{PROSE}test_unknown_syntax_is_refused",
        f"{PROSE}test_links_lead_to_the_site",
        f"{PROSE}test_what_is_no_link_stays",
        f"{PROSE}test_links_that_lead_nowhere_are_refused",
        f"{PROSE}test_raw_text_is_refused",
        f"{PROSE}test_footnotes_follow_the_cell",
    ],
}

KINDS = NOTEBOOKS | WHAT_IS_HANDED_IN | ROSTERS_AND_MARKS | ATTACKS | THE_BOOK_AND_ITS_PACKAGE


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_held_by_tests_that_exist(kind):
    for named in KINDS[kind]:
        file, _, rest = named.partition("::")
        test, _, case = rest.removesuffix("]").partition("[")
        text = (TESTS / file).read_text("utf-8")
        assert f"\ndef {test}(" in text, named
        cases = (TESTS / "grader" / "odd_hand_ins.py").read_text("utf-8") + text
        assert not case or f'"{case}": ' in cases, named
