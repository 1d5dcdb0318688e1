"""The students of a class: a CSV file with names and ids, as course systems export it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from grader.intake.csv_files import CsvError, read_table
from grader.intake.headings import columns_of, id_columns, not_understood, system_of
from grader.intake.names import composed, letters, spellings
from grader.intake.submissions import Submission
from grader.intake.times import day_comes_first, time_in_words

# What Moodle writes before the number of a participant, in the language of the site.
_PARTICIPANT = re.compile(
    r"(?P<prefix>participante?|participant[eo]|teilnehmer(?:[/*:]?in(?:nen)?)?|deelnemer|deltagare|"
    r"deltaker|deltager|osallistuja|partecipante|uczestnik|účastník|résztvevő|katılımcı|участник|"
    r"учасник|参加者|参与者|參與者|참가자|المشارك)\s*(?P<number>\d+)",
    re.IGNORECASE,
)
_FORMULA = re.compile(r'=\s*"(.*)"', re.DOTALL)  # how spreadsheets are made to keep zeros
_THOUSANDS = re.compile(r"\d{1,3}(?:[., '’\u00a0\u202f]\d{3})+")
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
    *("larare", "underviser", "opettaja", "nauczyciel", "leraar", "преподаватель", "учитель"),
    *("ассистент", "викладач", "prowadzacy", "ogretmen", "profesora", "insegnante", "assistente"),
    *("professeur", "tuteur", "monitor", "ucitel", "tanar", "laerer", "assistent", "asistente"),
    *("教师", "老师", "教師", "助教", "教授", "讲师", "非编辑教师", "教員", "講師"),
    *("교사", "교수", "조교", "강사"),
}  # roles in a course
# How the roles of students begin.
_STUDENTS = (
    *("student", "teilnehmer", "teilnehmend", "estudiante", "etudiant", "studente", "aluno"),
    *("alumno", "learner", "studierend", "deelnemer", "deltagare", "opiskelija", "участник"),
    *("студент", "学生", "participant", "member", "cursist", "estudante", "学员", "學生", "受講生"),
    *("학생", "수강생", "ogrenci", "kursant", "elev", "hallgato", "φοιτητ", "طالب", "סטודנט"),
)
# What stands in the place of a name in rows that describe the class.
_NO_STUDENT = {
    *("total", "totals", "average", "averages", "overallaverage", "classaverage", "median"),
    *("gesamt", "summe", "durchschnitt", "mittelwert", "moyenne", "moyennegenerale", "promedio"),
    *("promediogeneral", "mediageneral", "mediacomplessiva", "gemiddelde", "totaal", "totale"),
    *("итого", "среднее", "总计", "平均", "合计", "合計", "平均分", "총계", "standarddeviation"),
}
_POINTS_POSSIBLE = (
    *("pointspossible", "moglichepunkt", "maximalpunkte", "pointspossibles", "puntosposibles"),
    *("pontospossiveis", "puntipossibili", "mogelijkepunten", "possiblepoints"),
)  # how the names of such a row of Canvas begin
# Canvas' own student, for trying things out.
_TEST_STUDENTS = {
    *("studenttest", "teststudent", "etudianttest", "testetudiant", "estudiantedeprueba"),
    *("alunodeteste", "estudantedeteste", "estudantedetestes", "studentediprova", "testcursist"),
    *("teststuderende", "testiopiskelija", "studentprobny", "тестовыйстудент", "测试学生"),
    *("測試學生", "テスト受講生", "テスト学生", "테스트학생"),
}
_MOST_TOGETHER = 6  # members of a group that hands in together
_WITH_NUMBERS = {"canvas", "moodle", "brightspace", "gradescope"}  # write a number and a name
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
        further_ids: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self.students = list(students)
        self.remarks = list(remarks)  # what a person should know about how the file was read
        self.system = ""  # the course system that wrote it with its own ids, if it is known
        self.submitted = submitted or {}  # when their work came in, if the file says so
        self._by_id = {student.id: student for student in self.students}
        # Surer ways of naming a student come first; each leads to all whom a text may name.
        self._by_text: list[dict[str, list[Student]]] = [{}, {}, {}]
        self._groups: dict[str, list[Student]] = {}
        for student in self.students:
            for rank, texts in enumerate(
                _texts_for(student, (further_ids or {}).get(student.id, ()))
            ):
                for text in texts - {""}:
                    self._by_text[rank].setdefault(text, []).append(student)
            if student.group:
                self._groups.setdefault(letters(student.group), []).append(student)

    def has_id(self, submission: Submission) -> bool:
        """Return whether the submission's file name contains a student's id, not only a name.

        An id does not count beside the name of another student.
        """
        student = self._by_id.get(submission.user)
        return student is not None and self._agrees(submission, submission.user, student)

    def _agrees(self, submission: Submission, text: str, student: Student) -> bool:
        """Return whether a text in a file's name may be an id, by the name that is beside it.

        Moodle and others number students in their own way, so a number may be another student's
        id. It is not an id if the name belongs to others. A name that nobody has may be a nickname.
        """
        if submission.system not in _WITH_NUMBERS or not text.isdecimal():
            return True
        named = self._named_beside(submission)
        return not named or student.id in named

    def _named_beside(self, submission: Submission) -> set[str]:
        """Return the ids of all students whose name is beside the number in a file's name."""
        for name in _names_in(submission.name, self._groups):
            if found := self._by_text[2].get(letters(name)):
                return {student.id for student in found}
        return set()

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
        if self.has_id(submission):
            return self._by_id[submission.user]
        texts = [submission.user, *submission.aliases]
        for rank in range(len(self._by_text)):
            for text in texts:
                student = self._only(rank, text)
                if student and self._agrees(submission, text, student):
                    return student
        named = (self._only(2, name) for name in _names_in(submission.name, self._groups))
        return next(filter(None, named), None)

    def named(self, text: str) -> Student | None:
        """Return the student whom a person means: by id, login, email or name."""
        return self.find(_named(text))

    def knows(self, name: str) -> bool:
        """Return whether a name is that of a student, or of a group that hands in together."""
        return letters(name) in self._groups or self.named(name) is not None

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


def _names_in(name: str, groups: Container[str]) -> list[str]:
    """Return a name, and what may be one in it: "Jane Doe" in Moodle's "Group 1-Jane Doe".

    A name with a hyphen, such as "Anna-Maria Lee", does not contain another name.
    """
    found = [name]
    for place, sign in enumerate(name):
        before = name[:place]
        if sign == "-" and (letters(before) in groups or re.search(r"[\s\d]", before)):
            found.append(name[place + 1 :])
    return found


def _named(text: str) -> Submission:
    text = composed(text)
    return Submission("plain", text, text, False, (0, 0.0, ""), text, bytes)


def _texts_for(
    student: Student, further_ids: Iterable[str] = ()
) -> tuple[set[str], set[str], set[str]]:
    """Return what names a student: for certain, probably, and by the letters of the name."""
    sure = {*further_ids, student.id, student.sis, student.login, student.github, student.email}
    sure |= {student.identifier, f"github:{student.github}" if student.github else ""}
    probable = {student.email.partition("@")[0], student.login.partition("@")[0]}
    ids = {student.id, student.sis, *further_ids}
    ids |= {re.sub(r"\D", "", text) for text in ids if _THOUSANDS.fullmatch(text)}
    probable |= ids | {text.lstrip("0") for text in ids if text.isdecimal()}
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
    further = _settle_columns(rows, columns, remarks)
    place = columns.get("submitted", len(headings))
    day_first = day_comes_first(row[place] for row in rows[1:] if len(row) > place)
    unread: list[str] = []
    students: dict[str, Student] = {}
    submitted: dict[str, datetime] = {}
    further_ids: dict[str, list[str]] = {}
    for line, row in enumerate(rows[1:], 2):
        values = {name: _cell(row, place) for name, place in columns.items()}
        unsure = ("section", "group", "team")
        sure = [text for name, text in values.items() if name not in unsure]
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
        further_ids.setdefault(student.id, []).extend(_id(_cell(row, place)) for place in further)
        written = values.get("submitted", "")
        if (time := time_in_words(written, day_first)) is not None:
            submitted[student.id] = time
        elif any(map(str.isdecimal, written)):
            unread.append(written)
    if split := [one.id for one in students.values() if _THOUSANDS.fullmatch(one.id)]:
        remarks.insert(
            0,
            f"there are signs between the digits of ids, as in {', '.join(split[:3])}. If a "
            "spreadsheet put them there, export the roster again and do not save it from the "
            "spreadsheet, or format the column as text",
        )
    if "group" in columns and "team" not in columns:
        students = _without_sections(students, _cell(headings, columns["group"]), remarks)
    if unread:
        remarks.insert(
            0,
            f"the times of {len(unread)} students cannot be read, so they are not marked late: "
            f"{unread[0]}. Write them as 2027-03-01 21:00",
        )
    if len(remarks) > _MOST_REMARKS:
        more = len(remarks) - _MOST_REMARKS
        remarks = [*remarks[:_MOST_REMARKS], f"and {more} more such lines"]
    roster = Roster(students.values(), submitted, remarks, further_ids)
    roster.system = system_of(headings)
    return roster


def _cell(row: list[str], place: int) -> str:
    """Return the text of a cell, without what makes a spreadsheet keep zeros: ="00123"."""
    text = composed(row[place]).strip() if place < len(row) else ""
    match = _FORMULA.fullmatch(text)
    return match[1].strip() if match else text


def _settle_columns(
    rows: list[list[str]], columns: dict[str, int], remarks: list[str]
) -> list[int]:
    """Settle in `columns` which one has the ids, and which the roles.

    If the first column of ids only counts the rows, the next one has the ids. The places of
    further columns of ids are returned, but for one that takes the place of the missing column of
    second ids.
    """
    headings = rows[0]

    def cells(place: int) -> list[str]:
        return [text for row in rows[1:] if (text := _cell(row, place))]

    first, *others = id_columns(headings) or [columns.get("id", -1)]
    others = [place for place in others if len(set(cells(place))) == len(cells(place)) > 0]
    counted = [text.rstrip(".").lstrip("0") for text in cells(first)] if others else []
    if len(counted) > 1 and counted == [str(number) for number in range(1, len(counted) + 1)]:
        columns["id"] = others.pop(0)
        remarks.append(
            f"the column {_cell(headings, first)} counts the rows, so the ids of the students are "
            f"those of the column {_cell(headings, columns['id'])}"
        )
    if others and "sis" not in columns:
        columns["sis"] = others.pop(0)
    if "role" not in columns:
        unknown = set(not_understood(headings))
        for place, heading in enumerate(headings):
            roles = cells(place) if " ".join(heading.split()) in unknown else []
            if roles and all(map(_has_known_role, roles)):
                columns["role"] = place
    return others


def _without_sections(
    students: dict[str, Student], heading: str, remarks: list[str]
) -> dict[str, Student]:
    """Return the students without groups that are rather sections, since they would share a mark.

    Groups of many, or one group of all, are sections of a class.
    """
    sizes = Counter(letters(one.group) for one in students.values() if one.group)
    key, most = sizes.most_common(1)[0] if sizes else ("", 0)
    if most <= _MOST_TOGETHER and not 1 < most == len(students):
        return students
    group = next(one.group for one in students.values() if letters(one.group) == key)
    remarks.insert(
        0,
        f"the groups of the column {heading} are taken for sections, and share no marks: {group} "
        f"has {most} students. If they hand in together, name the column Team",
    )
    return {
        one.id: replace(one, group="", section=one.section or one.group)
        for one in students.values()
    }


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
    if not letters(chosen) or _is_of_no_student(chosen, name):
        return None  # such as the second line of Canvas' export
    if _is_staff(values.get("role", "")):
        return None
    if spellings(name) & _TEST_STUDENTS and not values.get("sis"):
        return None
    group = values.get("team", values.get("group", ""))
    return Student(
        chosen,
        name or values.get("github", "") or chosen,
        _id(values.get("sis", "")),
        values.get("login", "").removeprefix("#"),
        values.get("email", ""),
        values.get("section", "") or (values.get("group", "") if "team" in values else ""),
        values.get("github", ""),
        "" if letters(group) in _NO_GROUP else group,
        written if _PARTICIPANT.fullmatch(written) else "",
    )


def _is_of_no_student(id_: str, name: str) -> bool:
    """Return whether a row describes the class: "Points Possible", "Average,,31"."""
    plain = letters(name)
    if plain.startswith(_POINTS_POSSIBLE) or re.sub(r"\d+$", "", plain) in _NO_STUDENT:
        return True
    return letters(id_) in _NO_STUDENT and not any(
        map(str.isalpha, plain.replace(letters(id_), ""))
    )


def _id(text: str) -> str:
    """Return an id without what systems and spreadsheets write around it."""
    text = text.strip().removeprefix("'").removeprefix("#").strip()
    if match := _PARTICIPANT.fullmatch(text):
        return match["number"]
    return re.sub(r"(?<=\d)[.,]00?", "", text) if re.fullmatch(r"\d+[.,]00?", text) else text


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
