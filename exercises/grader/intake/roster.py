"""The students of a class: a CSV file with names and ids, as course systems export it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from grader.intake.csv_files import CsvError, read_table
from grader.intake.headings import columns_of, not_understood
from grader.intake.names import letters, spellings
from grader.intake.submissions import Submission
from grader.intake.times import day_comes_first, time_in_words

# What Moodle writes before the number of a participant, in the language of the site.
_PARTICIPANT = re.compile(
    r"(?P<prefix>participante?|participant[eo]|teilnehmer(?:[/*:]?in(?:nen)?)?|deelnemer|deltagare|"
    r"deltaker|deltager|osallistuja|partecipante|uczestnik|účastník|résztvevő|katılımcı|участник|"
    r"учасник|参加者|参与者|參與者|참가자|المشارك)\s*(?P<number>\d+)",
    re.IGNORECASE,
)
_LOST = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)  # what Excel makes of a long number
_NO_GROUP = {"", "-", "none", "defaultgroup", "standardgruppe", "grupopordefecto", "nogroup"}
_STAFF = {
    *("instructor", "ta", "teachingassistant", "teacher", "editingteacher", "noneditingteacher"),
    *("grader", "reader", "manager", "professor", "lecturer", "courseadministrator", "designer"),
    *("trainerin", "dozentin", "profesor", "enseignant", "docente", "lehrender", "lehrende"),
    *("lehrer", "lehrerin", "dozent", "trainer", "tutor", "tutorin", "manager", "managerin"),
    *("trainerinohnebearbeitungsrecht", "lehrenderohnebearbeitungsrecht", "professora"),
    *("nichtbearbeitendertrainerin", "profesorsinpermisodeedicion", "enseignantnonediteur"),
    *("docentenoneditor", "enseignante", "coursecreator", "owner", "assistant", "observer"),
    *("larare", "underviser", "opettaja", "nauczyciel", "leraar", "преподаватель"),
}  # roles in a course
# How the roles of students begin.
_STUDENTS = (
    *("student", "teilnehmer", "teilnehmend", "estudiante", "etudiant", "studente", "aluno"),
    *("alumno", "learner", "studierend", "deelnemer", "deltagare", "opiskelija", "участник"),
    *("студент", "学生", "participant", "member", "cursist"),
)
_MOST_REMARKS = 5


_PARTS = re.compile(r"[\s_()\[\]+,;–—-]+")  # of the name of a plain file
_MOST_PARTS = 12
_LEAST_ID = 4  # characters: "2" in "blocks 2" is nobody


class RosterError(ValueError):
    """The file is not a roster; the message gives the reason."""


@dataclass(frozen=True)
class Student:
    """One student."""

    id: str  # the course system's id; without a roster, what the file name contains
    name: str
    sis: str = ""
    login: str = ""
    email: str = ""
    section: str = ""
    github: str = ""
    group: str = ""  # whose members share a mark
    identifier: str = ""  # the id as Moodle writes it, with a word before the number


class Roster:
    """The students of a class, found by the names of their files."""

    def __init__(
        self,
        students: Iterable[Student],
        submitted: dict[str, datetime] | None = None,
        remarks: Iterable[str] = (),
    ) -> None:
        self.students = list(students)
        self.remarks = list(remarks)  # what a person should know about how the file was read
        self.submitted = submitted or {}  # when their work came in, if the file says so
        self._by_id = {student.id: student for student in self.students}
        # Surer ways of naming a student come first; each leads to all whom a text may name.
        self._by_text: list[dict[str, list[Student]]] = [{}, {}, {}]
        self._groups: dict[str, list[Student]] = {}
        for student in self.students:
            for rank, texts in enumerate(_texts_for(student)):
                for text in texts - {""}:
                    self._by_text[rank].setdefault(text, []).append(student)
            if student.group:
                self._groups.setdefault(letters(student.group), []).append(student)

    def has_id(self, submission: Submission) -> bool:
        """Return whether the submission's file name contains a student's id, not only a name."""
        return submission.user in self._by_id

    def find(self, submission: Submission) -> Student | None:
        """Return the student of a submission; None if no student matches, or more than one."""
        return self.find_whole(submission) or self._find_part(submission)

    def _find_part(self, submission: Submission) -> Student | None:
        """Return the student whom a part of a plain file's name names: "blocks_jdoe (1)"."""
        if submission.system != "plain":
            return None
        parts = _PARTS.split(submission.user)[:_MOST_PARTS]
        found: dict[str, Student] = {}
        for begin in range(len(parts)):
            if len(parts[begin]) >= _LEAST_ID:
                named = [self._only(rank, parts[begin]) for rank in (0, 1)]
                found |= {one.id: one for one in named if one}
            for end in range(begin + 2, len(parts) + 1):
                if student := self._only(2, "".join(parts[begin:end])):
                    found[student.id] = student
        return next(iter(found.values())) if len(found) == 1 else None

    def find_whole(self, submission: Submission) -> Student | None:
        """Return the student whom the whole name of a file names; None if it names nobody."""
        if (student := self._by_id.get(submission.user)) is not None:
            return student
        texts = [submission.user, *submission.aliases]
        for rank in range(len(self._by_text)):
            for text in texts:
                if student := self._only(rank, text):
                    return student
        if submission.name and (student := self._only(2, submission.name)):
            return student
        # "Group 1-Jane Doe", as Moodle writes names of students who are in groups
        for place, letter in enumerate(submission.name):
            if letter == "-" and (student := self._only(2, submission.name[place + 1 :])):
                return student
        return None

    def named(self, text: str) -> Student | None:
        """Return the student whom a person means: by id, login, email or name."""
        return self.find(_named(text))

    def knows(self, name: str) -> bool:
        """Return whether a name is that of a student."""
        return self.named(name) is not None

    def members(self, submission: Submission) -> list[Student]:
        """Return the students of the group for which a submission was handed in, if it is one."""
        for text in (submission.user, submission.name, *submission.aliases):
            if found := self._groups.get(letters(text)):
                return found
        return []

    def group_of(self, student: Student) -> list[Student]:
        """Return the members of a student's group."""
        return self._groups.get(letters(student.group), []) if student.group else []

    def _only(self, rank: int, text: str) -> Student | None:
        key = text.strip().casefold() if rank < 2 else letters(text)
        found = {student.id: student for student in self._by_text[rank].get(key, [])}
        return next(iter(found.values())) if len(found) == 1 else None


def _named(text: str) -> Submission:
    return Submission("plain", text, text, False, (0, 0.0, ""), text, bytes)


def _texts_for(student: Student) -> tuple[set[str], set[str], set[str]]:
    """Return what names a student: for certain, probably, and by the letters of the name."""
    sure = {student.id, student.sis, student.login, student.github, student.email}
    sure |= {student.identifier, f"github:{student.github}" if student.github else ""}
    probable = {student.email.partition("@")[0], student.login.partition("@")[0]}
    probable |= {text.lstrip("0") for text in (student.id, student.sis) if text.isdecimal()}
    return (
        {text.casefold() for text in sure},
        {text.casefold() for text in probable},
        spellings(student.name) | {letters(student.name)},
    )


def read_roster(file: Path) -> Roster:
    """Read a roster from a CSV file.

    Raises:
        RosterError: the file is missing, cannot be read, lacks columns that tell students apart,
            or gives one id to students of different names.
    """
    if not file.is_file():
        raise RosterError(
            f"{file}: there is no such file; give a CSV file with the columns ID and Name"
        )
    try:
        rows, remarks = read_table(file, lambda row: len(columns_of(row)))
    except CsvError as error:
        raise RosterError(str(error)) from None
    headings = rows[0] if rows else []
    columns = columns_of(headings)
    named = "name" in columns or "last" in columns or "first" in columns
    if not named or not {"id", "sis", "login", "email"} & set(columns):
        shown = ", ".join(" ".join(heading.split()) for heading in headings)
        odd = ", ".join(not_understood(headings)[:8])
        what = f"; not understood: {odd}. Rename the right ones" if odd else ""
        raise RosterError(f"{file}: needs the columns ID and Name; it has {shown or 'none'}{what}")
    if not {"id", "sis", "login"} & set(columns) and (unknown := not_understood(headings)):
        remarks.append(
            f"students are told apart by their emails; not understood: {', '.join(unknown[:8])}. "
            "If one of these has ids, name it ID"
        )
    place = columns.get("submitted", len(headings))
    day_first = day_comes_first(row[place] for row in rows[1:] if len(row) > place)
    unread: list[str] = []
    students: dict[str, Student] = {}
    submitted: dict[str, datetime] = {}
    for line, row in enumerate(rows[1:], 2):
        values = {
            name: unicodedata.normalize("NFC", row[place]).strip() if place < len(row) else ""
            for name, place in columns.items()
        }
        sure = [text for name, text in values.items() if name not in ("section", "group")]
        if broken := next((text for text in sure if "\n" in text), ""):
            raise RosterError(
                f"{file}: row {line}: a line break in {broken[:40]!r}: close the quotation mark, "
                "or take out the line break"
            )
        student = _student(values)
        if student is None:
            continue
        if letters(values.get("role", "")) and not _has_known_role(values["role"]):
            remarks.append(
                f"{student.name} is taken for a student; the role {values['role']} is not known"
            )
        if is_lost(student.id):
            raise RosterError(
                f"{file}: row {line}: the id {student.id} has lost its digits in a spreadsheet; "
                "export the roster again and do not save it from the spreadsheet, or format the "
                "column as text"
            )
        known = students.get(student.id)
        if known is not None and not spellings(known.name) & spellings(student.name):
            raise RosterError(
                f"{file}: the id {student.id} occurs twice, for {known.name} and {student.name}"
            )
        students[student.id] = _merged(known, student) if known else student
        written = values.get("submitted", "")
        if (time := time_in_words(written, day_first)) is not None:
            submitted[student.id] = time
        elif any(map(str.isdecimal, written)):
            unread.append(written)
    if unread:
        remarks.insert(
            0,
            f"the times of {len(unread)} students cannot be read, so they are not marked late: "
            f"{unread[0]}. Write them as 2027-03-01 21:00",
        )
    if len(remarks) > _MOST_REMARKS:
        more = len(remarks) - _MOST_REMARKS
        remarks = [*remarks[:_MOST_REMARKS], f"and {more} more such lines"]
    return Roster(students.values(), submitted, remarks)


def is_lost(text: str) -> bool:
    """Return whether an id has lost its digits in a spreadsheet."""
    return bool(_LOST.fullmatch(text.strip()))


def _has_known_role(text: str) -> bool:
    roles = [letters(part) for part in re.split(r"[,;]", text)]
    return any(role in _STAFF or role.startswith(_STUDENTS) for role in roles)


def _is_staff(text: str) -> bool:
    """Return whether roles in a course are those of staff, and none is a student's."""
    roles = [letters(part) for part in re.split(r"[,;]", text) if letters(part)]
    studies = any(role.startswith(_STUDENTS) for role in roles)
    return not studies and any(role in _STAFF for role in roles)


def _student(values: dict[str, str]) -> Student | None:
    """Return the student of a row; None if it is about no student."""
    name = values.get("name", "")
    if not name:
        name = " ".join(filter(None, (values.get("first", ""), values.get("last", ""))))
    written = values.get("id", "")
    known = [written, *(values.get(key, "") for key in ("sis", "login", "email"))]
    known = [_id(text) for text in known]
    chosen = next(filter(None, known), "")
    if not chosen or name.casefold().startswith("points possible"):
        return None  # such as the second line of Canvas' export
    if _is_staff(values.get("role", "")):
        return None
    if letters(name) == "studenttest" and not values.get("sis"):
        return None  # Canvas' own student, for trying things out
    group = values.get("group", "")
    return Student(
        chosen,
        name or values.get("github", "") or chosen,
        _id(values.get("sis", "")),
        values.get("login", "").removeprefix("#"),
        values.get("email", ""),
        values.get("section", ""),
        values.get("github", ""),
        "" if letters(group) in _NO_GROUP else group,
        written if _PARTICIPANT.fullmatch(written) else "",
    )


def _id(text: str) -> str:
    """Return an id without what systems and spreadsheets write around it."""
    text = text.strip().removeprefix("'").removeprefix("#").strip()
    if match := _PARTICIPANT.fullmatch(text):
        return match["number"]
    return re.sub(r"(\d+)[.,]0+", r"\1", text) if re.fullmatch(r"\d+[.,]0+", text) else text


def _merged(one: Student, other: Student) -> Student:
    """Return a student who is in two rows, as of two sections."""
    sections = dict.fromkeys(filter(None, [*one.section.split("; "), other.section]))
    filled = {
        key: value or getattr(other, key) for key, value in vars(one).items() if key != "section"
    }
    return replace(one, **filled, section="; ".join(sections))


def most_common_prefix(students: Iterable[Student]) -> str:
    """Return the word that the Moodle site writes before participants' numbers; "" if unknown."""
    prefixes = Counter(
        match["prefix"] + one.identifier[match.end("prefix") : match.start("number")]
        for one in students
        if (match := _PARTICIPANT.fullmatch(one.identifier))
    )
    return prefixes.most_common(1)[0][0] if prefixes else ""


def participant_number(text: str) -> str:
    """Return the number in what Moodle's column "Identifier" has: "5021" for "Participant 5021"."""
    return _id(text)
