"""Whose work is whose: by a person's word, by the roster, in groups that share a mark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from grader.intake.exports import Person
from grader.intake.names import storable
from grader.intake.roster import Roster, Student
from grader.intake.submissions import LATER, Refused, Submission

_BY_HAND = "assigned by hand"
ASSIGN = "grader assign FILE STUDENT"


@dataclass
class HandIn:
    """The submission that counts for a student, and who shares its mark."""

    submission: Submission
    student: Student
    partners: list[Student] = field(default_factory=list)
    is_known: bool = True  # False if there is a roster, and nobody in it matches
    by_word: bool = False  # a person said whose file it is


def sort_out(
    submissions: list[Submission],
    refused: list[Refused],
    roster: Roster,
    assigned: Mapping[str, str],
) -> list[HandIn]:
    """Return one submission for each student, with those who share it.

    A file that a person assigned to a student takes precedence; then one with the student's id;
    then the last one. Files that do not count, and students whom nobody knows, get a line in
    `refused`. Students who handed in only what cannot be graded have a submission that cannot be
    read.
    """
    entries: list[HandIn] = []
    by_word: set[str] = set()
    for submission in submissions:
        kept = []
        for file in (submission, *submission.others):
            if (student := _assigned(file, roster, assigned)) is None:
                kept.append(file)
                continue
            own = replace(file, others=(), partners=(), time=_known_time(file, roster, student))
            by_word.add(own.label)
            entries.append(HandIn(own, student, by_word=True))
            _forget(file, refused)
        if kept:
            first = replace(kept[0], others=tuple(kept[1:]))
            _forget(first, refused)
            entries.append(_hand_in(first, roster, refused))
    last = _last_of_each(entries, by_word, roster, refused)
    _add_ungradable(last, refused, roster, assigned)
    _share(last, roster, refused)
    return last


@dataclass(frozen=True)
class NamedFile:
    """A file that was handed in, as a person names it."""

    student: str
    label: str  # as it is printed
    path: str  # in the export


def files_of(
    submissions: list[Submission], refused: list[Refused], entries: list[HandIn], roster: Roster
) -> list[NamedFile]:
    """Return all files that were handed in, those included that do not count."""
    owners = {entry.submission.user: entry.student.id for entry in entries}
    for entry in entries:
        for file in (entry.submission, *entry.submission.others):
            owners[file.label] = entry.student.id
    bad = [one.submission for one in refused if one.submission is not None]
    found = []
    for file in (*bad, *(one for first in submissions for one in (first, *first.others))):
        student = owners.get(file.label) or owners.get(file.user)
        if student is None:
            student = getattr(roster.find(file), "id", file.user)
        found.append(NamedFile(student, file.label, storable(file.path)))
    return found


def without_a_file(assigned: Mapping[str, str], files: list[NamedFile]) -> list[Refused]:
    """Return a line for each file that a person assigned and nobody handed in."""
    known = {text for file in files for text in (file.label, file.path)}
    return [
        Refused(
            name,
            f"{_BY_HAND} to {student}, but there is no such file now: grader assign FILE STUDENT",
        )
        for name, student in assigned.items()
        if name not in known
    ]


def _hand_in(submission: Submission, roster: Roster, refused: list[Refused]) -> HandIn:
    student, members = roster.find(submission), roster.members(submission)
    if student is None and members:
        student = members[0]
    is_known = student is not None or not roster.students
    partners = [_student_of(person, submission, roster) for person in submission.partners]
    if student is None:
        if roster.students:
            refused.append(
                Refused(
                    submission.label,
                    f"nobody in the roster matches, or several do; graded as {submission.user}: "
                    f"{ASSIGN}",
                )
            )
        student = Student(submission.user, submission.name)
    partners += [one for one in members if one.id != student.id]
    submission = replace(submission, time=_known_time(submission, roster, student))
    unique = list({one.id: one for one in partners}.values())
    return HandIn(submission, student, unique, is_known)


def _student_of(person: Person, submission: Submission, roster: Roster) -> Student:
    known = roster.find(
        replace(submission, user=person.user, name=person.name, aliases=person.aliases)
    )
    return known or Student(person.user, person.name)


def _known_time(submission: Submission, roster: Roster, student: Student) -> datetime | None:
    return submission.time or roster.submitted.get(student.id)


def _assigned(file: Submission, roster: Roster, assigned: Mapping[str, str]) -> Student | None:
    for text in (file.label, storable(file.path)):
        if text and (student := assigned.get(text)) is not None:
            known = next((one for one in roster.students if one.id == student), None)
            return known or Student(student, file.name if student == file.user else student)
    return None


def _forget(file: Submission, refused: list[Refused]) -> None:
    """Take back that a file does not count."""
    refused[:] = [one for one in refused if one.label != file.label or one.path is not None]


def _last_of_each(
    entries: list[HandIn], by_word: set[str], roster: Roster, refused: list[Refused]
) -> list[HandIn]:
    """Keep one submission for each student, since several names may belong to one student."""

    def rank(entry: HandIn) -> tuple[object, ...]:
        submission = entry.submission
        whole = roster.find_whole(submission) is not None
        return submission.label in by_word, roster.has_id(submission), whole, submission.order

    last: dict[str, HandIn] = {}
    for entry in sorted(entries, key=rank):
        if (earlier := last.get(entry.student.id)) is not None:
            reason = LATER
            if entry.submission.label in by_word:
                reason = f"another file was {_BY_HAND}"
            elif roster.has_id(entry.submission) and not roster.has_id(earlier.submission):
                reason = "one with the student's id counts"
            elif roster.find_whole(entry.submission) and not roster.find_whole(earlier.submission):
                reason = "one that has the student's name counts"
            refused.append(Refused(earlier.submission.label, reason))
            if entry.submission.label not in by_word:  # what it is about may decide
                entry.submission = _with_others(entry.submission, earlier.submission, reason)
        last[entry.student.id] = entry
    return [entry for entry in entries if last[entry.student.id] is entry]


def _with_others(counts: Submission, other: Submission, reason: str) -> Submission:
    """Return a submission with another of the student and its files, which count less."""
    further = (replace(other, others=()), *other.others)
    if reason != LATER:
        further = tuple(replace(one, outdone=one.outdone or reason) for one in further)
        return replace(counts, others=(*counts.others, *further))
    others = sorted((*counts.others, *further), key=lambda one: one.order, reverse=True)
    others.sort(key=lambda one: bool(one.outdone))  # what is outdone stays behind
    return replace(counts, others=tuple(others))


def _add_ungradable(
    last: list[HandIn], refused: list[Refused], roster: Roster, assigned: Mapping[str, str]
) -> None:
    """Add the students who handed in nothing that can be graded.

    A file whose student cannot be told is a student's too, unless people keep such files beside
    the work of a class.
    """
    present = {one.id for entry in last for one in (entry.student, *entry.partners)}
    for one in refused:
        submission = one.submission
        if submission is None:
            continue
        by_word = _assigned(submission, roster, assigned)
        student = by_word or roster.find(submission)
        if student is None and submission.is_beside:
            continue
        is_known = student is not None or not roster.students
        student = student or Student(submission.user, submission.name)
        if student.id not in present:
            present.add(student.id)
            by_person = by_word is not None
            last.append(HandIn(submission, student, is_known=is_known, by_word=by_person))


def _share(last: list[HandIn], roster: Roster, refused: list[Refused]) -> None:
    """Give members of a group who handed in nothing the mark of the group's one submission."""
    own = {entry.student.id: entry for entry in last}
    taken = {one.id for entry in last for one in entry.partners} | set(own)
    for entry in last:  # nobody shares a mark who has one
        entry.partners = [one for one in entry.partners if one.id not in own]
    done: set[str] = set()
    for student in roster.students:
        group = roster.group_of(student)
        if student.group in done or len(group) < 2:
            continue
        done.add(student.group)
        files = [own[one.id] for one in group if one.id in own]
        waiting = [one for one in group if one.id not in taken]
        if len(files) == 1:
            files[0].partners += waiting
        elif files and waiting:
            names = ", ".join(one.name for one in waiting)
            refused.append(
                Refused(
                    f"group {student.group}",
                    f"{len(files)} members handed in, so nobody shares a mark; nothing of {names}",
                )
            )
