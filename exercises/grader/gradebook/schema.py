"""The tables of the gradebook, and how a gradebook of an earlier version gets today's tables."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime

VERSION = 1  # of the tables; 0 is before it was counted
# The last columns of a table may be missing in a gradebook of an earlier version. They are added;
# nothing is ever taken away.
SCHEMA = """
CREATE TABLE IF NOT EXISTS students (
    student TEXT PRIMARY KEY, name TEXT, sis TEXT, login TEXT, email TEXT, section TEXT,
    github TEXT DEFAULT '', team TEXT DEFAULT '', identifier TEXT DEFAULT '');
CREATE TABLE IF NOT EXISTS submissions (
    student TEXT, assignment TEXT, label TEXT, record TEXT, late INTEGER, unsafe INTEGER,
    problem TEXT, graded_at TEXT, PRIMARY KEY (student, assignment));
CREATE TABLE IF NOT EXISTS marks (
    student TEXT, assignment TEXT, question TEXT, points REAL, out_of REAL, status TEXT,
    version TEXT, PRIMARY KEY (student, assignment, question));
CREATE TABLE IF NOT EXISTS overrides (
    student TEXT, assignment TEXT, question TEXT, points REAL, reason TEXT, made_at TEXT,
    made_by TEXT DEFAULT '', PRIMARY KEY (student, assignment, question));
CREATE TABLE IF NOT EXISTS texts (
    student TEXT, assignment TEXT, question TEXT, text TEXT,
    PRIMARY KEY (student, assignment, question));
CREATE TABLE IF NOT EXISTS hand_marks (
    student TEXT, assignment TEXT, question TEXT, points REAL, comment TEXT, text_id TEXT,
    made_at TEXT, made_by TEXT DEFAULT '', PRIMARY KEY (student, assignment, question));
CREATE TABLE IF NOT EXISTS reasons (
    student TEXT, assignment TEXT, question TEXT, reason TEXT,
    PRIMARY KEY (student, assignment, question));
CREATE TABLE IF NOT EXISTS hand_history (
    student TEXT, assignment TEXT, question TEXT, points REAL, reason TEXT, made_by TEXT,
    made_at TEXT);
CREATE TABLE IF NOT EXISTS handed_in (
    student TEXT, assignment TEXT, system TEXT, user TEXT, path TEXT, time TEXT, not_after TEXT,
    marked_late INTEGER, shared_by TEXT, written TEXT, PRIMARY KEY (student, assignment));
CREATE TABLE IF NOT EXISTS known_as (
    student TEXT, alias TEXT, PRIMARY KEY (student, alias));
CREATE TABLE IF NOT EXISTS enrolled (
    student TEXT, assignment TEXT, PRIMARY KEY (student, assignment));
CREATE TABLE IF NOT EXISTS rosters (
    assignment TEXT PRIMARY KEY, system TEXT);
CREATE TABLE IF NOT EXISTS extensions (
    student TEXT, assignment TEXT, until TEXT, made_by TEXT, made_at TEXT,
    PRIMARY KEY (student, assignment));
CREATE TABLE IF NOT EXISTS assigned (
    student TEXT, assignment TEXT, file TEXT, made_by TEXT, made_at TEXT,
    PRIMARY KEY (assignment, file));
CREATE TABLE IF NOT EXISTS files (
    student TEXT, assignment TEXT, label TEXT, path TEXT, PRIMARY KEY (assignment, path));
CREATE TABLE IF NOT EXISTS unmatched (
    student TEXT, assignment TEXT, PRIMARY KEY (student, assignment));
CREATE TABLE IF NOT EXISTS deadlines (
    assignment TEXT PRIMARY KEY, deadline TEXT);
CREATE TABLE IF NOT EXISTS questions (
    assignment TEXT, question TEXT, title TEXT, out_of REAL, is_text INTEGER, place INTEGER,
    PRIMARY KEY (assignment, question));
CREATE TABLE IF NOT EXISTS expectations (
    assignment TEXT, framework TEXT, question TEXT, aspect TEXT, expected TEXT,
    PRIMARY KEY (assignment, framework, question, aspect));
"""
# Those with rows about a student.
OF_STUDENTS = (
    *("students", "submissions", "marks", "overrides", "texts", "hand_marks", "hand_history"),
    *("reasons", "handed_in", "known_as", "enrolled", "extensions", "assigned"),
    *("files", "unmatched"),
)
_LATER = {
    "students": ("github", "team", "identifier"),
    "overrides": ("made_by",),
    "hand_marks": ("made_by",),
}


class OtherVersion(Exception):
    """The tables are not those of any version that is known; the message says how."""


def bring_up_to_date(base: sqlite3.Connection) -> None:
    """Create the tables that are missing, and the columns that were added since.

    Raises:
        OtherVersion: the gradebook was made by a newer grader, or is none.
        sqlite3.Error: the file cannot be read or written, or is no database.
    """
    (version,) = base.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise OtherVersion("a gradebook of a newer version of the grader: update the grader")
    wanted = tables_of(SCHEMA)
    tables = {row[0] for row in base.execute("SELECT name FROM sqlite_master")}
    if version == VERSION and wanted.keys() <= tables:
        return
    with base:
        base.execute("BEGIN IMMEDIATE")
        for table, columns in wanted.items():
            present = [row[1] for row in base.execute(f"PRAGMA table_info({table})")]
            missing = [name for name in columns if present and name not in present]
            if any(name not in _LATER.get(table, ()) for name in missing):
                raise OtherVersion(
                    "a gradebook of another version. Move it away and grade again: records of "
                    "graded submissions are kept, marks set by hand stay in the file you moved."
                )
            for name in missing:
                base.execute(f"ALTER TABLE {table} ADD COLUMN {name} TEXT DEFAULT ''")
        for statement in filter(str.strip, SCHEMA.split(";")):
            base.execute(statement)
        base.execute(f"PRAGMA user_version = {VERSION}")


def now() -> str:
    """Return the present time as it is stored."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def tables_of(schema: str) -> dict[str, list[str]]:
    """Return the names of the columns of each table."""
    tables = re.findall(r"CREATE TABLE IF NOT EXISTS (\w+) \((.*?)\);", schema, re.S)
    return {name: re.findall(r"(\w+) (?:TEXT|REAL|INTEGER)", columns) for name, columns in tables}
