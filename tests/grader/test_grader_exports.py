"""Names, times and archives as course systems, file managers and students make them."""

import csv
import io
import os
import re
import struct
import subprocess
import unicodedata
import zipfile
import zlib
from datetime import UTC, datetime

import pytest
from grader.gradebook.hand_ins import sort_out
from grader.intake import csv_files, roster, times
from grader.intake.names import letters
from grader.intake.submissions import IntakeError, Refused, Submission, collect, reasons
from grader_tools import notebook

GOOD = notebook("x = 1")
DOWNLOADED = (2027, 3, 2, 9, 0, 0)  # after the deadline
DEADLINE = datetime(2027, 3, 1, 23, 59).astimezone()


class _Raw(zipfile.ZipInfo):
    """An entry whose name is written as these bytes, without the flag of UTF-8."""

    raw = b""

    def _encodeFilenameFlags(self):
        return self.raw, self.flag_bits & ~0x800


def archive(tmp_path, names, date=DOWNLOADED, encode=None, contents=None):
    """A zip archive of files with these names, as `encode` writes them."""
    file = tmp_path / f"{len(list(tmp_path.iterdir()))}.zip"
    with zipfile.ZipFile(file, "w") as opened:
        for name in names:
            info = _Raw("x", date) if encode else zipfile.ZipInfo("x", date)
            info.filename = name
            if encode:
                info.raw = encode(name)
            opened.writestr(info, (contents or {}).get(name, GOOD))
    return file


def users(source, deadline=None):
    """Each student whose file is taken: id, name, whether late."""
    return [(one.user, one.name, one.late) for one in collect(source, deadline)[0]]


# -- names -------------------------------------------------------------------------------------

# By system: names in an export, and the students: id, name, whether late.
EXPORTS = {
    "canvas": (
        [
            "doejane_LATE_101_9050_blocks-1.ipynb",
            "roejohn_102_9003_blocks (1).ipynb",
            "李小龙_103_9005_blocks.ipynb",
            "_104_9006_blocks.ipynb",
            "пушкиналександр_LATE_105_9007_блоки.ipynb",
            "o_neil_106_9008_1_2_blocks.ipynb",
            "_LATE_107_9009_blocks.ipynb",
            "leeann_108_9010_blocks.ipynb.json",
            "kimbo_109_9011_blocks.ipynb.txt",
        ],
        [
            ("104", "104", False),
            ("107", "107", True),
            ("101", "doejane", True),
            ("109", "kimbo", False),
            ("108", "leeann", False),
            ("106", "o_neil", False),
            ("102", "roejohn", False),
            ("105", "пушкиналександр", True),
            ("103", "李小龙", False),
        ],
    ),
    "canvas, anonymous": (
        [
            "anon_Ab3xZ_98765_blocks.ipynb",
            "anon_12345_98766_blocks.ipynb",
            "LATE_anon_Qq7Rt_98767_blocks.ipynb",
            "anon_Zz9Yy_98768_2_blocks.ipynb",
            "doejane_12345_9001_blocks.ipynb",  # no relation of anon_12345
        ],
        [
            ("anon_12345", "anon_12345", False),
            ("anon_Ab3xZ", "anon_Ab3xZ", False),
            ("anon_Qq7Rt", "anon_Qq7Rt", True),
            ("anon_Zz9Yy", "anon_Zz9Yy", False),
            ("12345", "doejane", False),
        ],
    ),
    "moodle": (
        [
            "Jane Doe_5021_assignsubmission_file/blocks.ipynb",
            "Jane Doe_5021_assignsubmission_onlinetext/onlinetext.html",
            "John Roe_5022_assignsubmission_file_/blocks.ipynb",
            "Gruppe A-Renée Müller_5025_assignsubmission_file/übung.ipynb",
        ],
        [
            ("5025", "Gruppe A-Renée Müller", False),
            ("5021", "Jane Doe", False),
            ("5022", "John Roe", False),
        ],
    ),
    "moodle, not in folders": (
        [
            "Jane Doe_5021_assignsubmission_file_blocks.ipynb",
            "Participant_5023_assignsubmission_file_blocks.ipynb",
            "Teilnehmerin_5024_assignsubmission_file_x_1_2_y.ipynb",
        ],
        [
            ("5021", "Jane Doe", False),
            ("5023", "Participant", False),
            ("5024", "Teilnehmerin", False),
        ],
    ),
    "blackboard": (
        [
            "gradebook_DL-101_Blocks_jdoe_attempt_2027-02-27-20-01-11_blocks.ipynb",
            "gradebook_DL-101_Blocks_jdoe_attempt_2027-03-02-08-30-00_blocks.ipynb",
            "gradebook_DL-101_Blocks_jdoe_attempt_2027-03-02-08-30-00.txt",
            "gradebook_DL-101_Blocks_k_roe_attempt_2027-02-28-08-30-00_a_b.ipynb",
        ],
        [("jdoe", "jdoe", True), ("k_roe", "k_roe", False)],
    ),
    "brightspace, folders": (
        [
            "12345-67890 - Jane Doe - Feb 27, 2027 1159 PM/blocks.ipynb",
            "12345-67890 - Jane Doe - Mar 2, 2027 801 AM/blocks.ipynb",
            "12346-67890 - Anna-Lena Roe - 28 février, 2027 2030/blocks.ipynb",
            "index.html",
        ],
        [("12346", "Anna-Lena Roe", False), ("12345", "Jane Doe", True)],
    ),
    "brightspace, not in folders": (
        [
            "12345-67890 - Jane Doe - Jan 2, 2026 304 PM - my - blocks.ipynb",
            "12346-67890 - N0123 - ROE John- Mar 2, 2027 801 AM - blocks.ipynb",
        ],
        [("12345", "Jane Doe", False), ("12346", "ROE John", True)],
    ),
    "one folder around everything": (
        ["class/", "class/jane/blocks.ipynb", "__MACOSX/class/jane/._blocks.ipynb",
         "class/.DS_Store", "class/john/.ipynb_checkpoints/x.ipynb", "class/john/blocks.ipynb"],
        [("jane", "jane", False), ("john", "john", False)],
    ),
    "PowerShell": (
        ["class\\jane\\", "class\\jane\\blocks.ipynb", "class\\john\\blocks.ipynb"],
        [("jane", "jane", False), ("john", "john", False)],
    ),
    "copies": (
        ["jane.ipynb", "jane (1).ipynb", "jane - Copy.ipynb", "jane copy.ipynb", "bo (2).ipynb",
         "bo (3).ipynb"],
        [("bo (2)", "bo (2)", False), ("bo (3)", "bo (3)", False), ("jane", "jane", False)],
    ),
    "a roster beside the folder": (
        ["submissions/doejane_101_9001_b.ipynb", "submissions/roejim_102_92_b.ipynb", "class.csv"],
        [("101", "doejane", False), ("102", "roejim", False)],
    ),
    "exports of two sections": (
        ["A/doejane_101_91_b.ipynb", "B/roejim_LATE_102_92_b.ipynb", "B/doejane_101_93_b.ipynb"],
        [("101", "doejane", False), ("102", "roejim", True)],
    ),
    "a student's file named like another's": (
        ["ann/roejim_12346_999_x.ipynb", "ben/blocks.ipynb"],
        [("ann", "ann", True), ("ben", "ben", True)],
    ),
    "one student's chapters": (
        ["ada/autograd.ipynb", "ada/blocks.ipynb", "notes.pdf"], [("ada", "ada", False)],
    ),
    "canvas, a name without letters": (
        [
            "doejane_101_9001_demo.ipynb",
            "roejohn_LATE_102_9002_demo.ipynb",
            "final version.ipynb",
            "104_9005_demo.ipynb",
        ],
        [
            ("104", "104", False),
            ("101", "doejane", False),
            ("final version", "final version", False),  # the time is that of the download
            ("102", "roejohn", True),
        ],
    ),
    "numbers in a plain name": (
        ["2027_03_demo.ipynb", "jane.ipynb"],
        [("2027_03_demo", "2027_03_demo", True), ("jane", "jane", True)],
    ),
    "two endings": (
        ["jroe.ipynb.txt", "jdoe.ipynb.ipynb", "kim.ipynb (1)", "bo.zip.ipynb"],
        [(one, one, True) for one in ("bo", "jdoe", "jroe", "kim")],
    ),
    "dots and capitals": (
        ["j.r.doe.ipynb", "JANE.IPYNB", "a.b/blocks.ipynb", ".ipynb"],
        [(one, one, True) for one in (".ipynb", "a.b", "j.r.doe", "JANE")],
    ),
    "moodle, one in a folder": (
        ["DL101/Ada Lovelace_5021_assignsubmission_file/blocks.ipynb"],
        [("5021", "Ada Lovelace", False)],
    ),
    "gradescope, one in a folder": (
        ["assignment_1_export/submission_112/blocks.ipynb"],
        [("submission_112", "submission_112", False)],
    ),
    "what is handed out": (
        ["exercises-pytorch/blocks.ipynb", "exercises-pytorch/training.ipynb"],
        [("exercises-pytorch", "exercises-pytorch", False)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("system", EXPORTS)
def test_whose_file_it_is(tmp_path, system):
    names, expected = EXPORTS[system]
    date = (1980, 1, 1, 0, 0, 0) if system in ("copies", "PowerShell") else DOWNLOADED
    late = None if system.startswith(("one", "what")) else DEADLINE
    assert users(archive(tmp_path, names, date), late) == expected


def test_students_of_blackboard_by_the_text_beside_their_work(tmp_path):
    name = "Blocks_j_doe_attempt_2027-02-27-20-01-11"
    text = b"Name: Jane Doe (j_doe)\r\nAssignment: Blocks\r\n"
    file = archive(tmp_path, [f"{name}_x.ipynb", f"{name}.txt"], contents={f"{name}.txt": text})
    assert users(file) == [("j_doe", "Jane Doe", False)]
    students = roster.Roster([roster.Student("7", "Someone", login="j_doe")])
    alone = archive(tmp_path, [f"{name}_x.ipynb"])  # without it, any ending may be the user
    assert students.find(collect(alone)[0][0]).id == "7"


GRADESCOPE = """\
submission_111:
  :submitters:
  - :name: Jane Doe
    :sid: '0042'
    :email: jane@example.org
  :created_at: 2027-02-28 10:00:00.000000000 Z
  :score: 0.0
submission_112:
  :submitters:
  - :name: John Roe
    :sid:
    :email: john@example.org
  - :name: Kim Bo
    :sid: '0044'
    :email: kim@example.org
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: 2027-03-02 10:00:00.000000000 Z
    zone: !ruby/object:ActiveSupport::TimeZone
      name: UTC
    time: 2027-03-02 10:00:00.000000000 Z
"""


def test_gradescope_names_its_students_in_a_file(tmp_path):
    top = "assignment_42_export"
    names = [f"{top}/submission_{number}/blocks.ipynb" for number in (111, 112)]
    metadata = f"{top}/submission_metadata.yml"
    # A student's own file of that name speaks for nobody.
    forged = f"{top}/submission_111/submission_metadata.yml"
    contents = {metadata: GRADESCOPE.encode(), forged: GRADESCOPE.replace("0042", "0044").encode()}
    found, _ = collect(archive(tmp_path, [*names, metadata, forged], contents=contents), DEADLINE)
    assert [(one.system, one.user, one.name, one.late) for one in found] == [
        ("gradescope", "0042", "Jane Doe", False),
        ("gradescope", "john@example.org", "John Roe", True),
    ]
    students = [("1", "Doe, Jane", "0042"), ("2", "Roe, John", ""), ("3", "Bo, Kim", "0044")]
    known = roster.Roster(
        [roster.Student(*one[:3], email="john@example.org" * (one[0] == "2")) for one in students]
    )
    entries = sort_out(found, [], known, {})
    assert [(one.student.id, [other.id for other in one.partners]) for one in entries] == [
        ("1", []),
        ("2", ["3"]),
    ]


def test_metadata_count_for_a_single_notebook(tmp_path):
    top = "assignment_42_export"
    names = [f"{top}/submission_111/blocks.ipynb", f"{top}/submission_metadata.yml"]
    file = archive(tmp_path, names, contents={names[1]: GRADESCOPE.encode()})
    assert users(file) == [("0042", "Jane Doe", False)]


def test_a_folder_named_as_a_student_of_the_roster_is_the_students(tmp_path):
    known = roster.Roster([roster.Student("7", "Doe, Jane", login="jdoe")])
    for names in (["jdoe/a.ipynb", "jdoe/b.ipynb"], ["Doe, Jane/Work/Version 1/x.ipynb",
                  "Doe, Jane/Work/Version 2/x.ipynb"], ["jdoe/roejim_12_9_x.ipynb"]):  # fmt: skip
        found, _ = collect(archive(tmp_path, names), None, known.knows)
        assert [known.find(one).id for one in found] == ["7"]


@pytest.mark.parametrize(
    "names",
    [
        ["Section A/Jane Doe.ipynb", "Section A/Kim Bo.ipynb", "Section B/jroe_blocks.ipynb"],
        ["A/Jane Doe/x.ipynb", "A/Kim Bo/y.ipynb", "B/John Roe/x.ipynb", "B/Nobody/x.ipynb"],
        ["Section A/Jane Doe.ipynb"],
    ],
)
def test_folders_of_sections_are_opened(tmp_path, names):
    people = enumerate(["Jane Doe", "John Roe", "Kim Bo"], 1)
    known = roster.Roster([roster.Student(str(n), name, login="jroe"[: 4 * (n == 2)])
                           for n, name in people])  # fmt: skip
    found, _ = collect(archive(tmp_path, names), None, known.knows)
    who = {student.name for one in found if (student := known.find(one))}
    assert len(found) == len(names)
    assert who == {"Jane Doe", "John Roe", "Kim Bo"} if len(names) > 1 else {"Jane Doe"}


@pytest.mark.parametrize(
    "names",
    [
        ["a/Jane Doe.ipynb", "b/Jane Doe.ipynb"],  # they would have one name
        ["a/Jane Doe.ipynb", "b/x.ipynb"],
        ["team7/Jane Doe.ipynb", "team7/x/John Roe.ipynb"],  # of a group
        ["a/x.ipynb", "a/y.ipynb", "b/x.ipynb"],
    ],
)
def test_other_folders_are_one_students(tmp_path, names):
    students = [roster.Student(name, name, group="Team 7") for name in ("Jane Doe", "John Roe")]
    known = roster.Roster(students)
    found, _ = collect(archive(tmp_path, names), None, known.knows)
    assert {one.user for one in found} == {name.partition("/")[0] for name in names}


@pytest.mark.parametrize("content", ["", "[]", "a: b", "submission_111:\n  :submitters: []", "{",
                                     "submission_111: {':submitters': 5}", "\x00"])  # fmt: skip
def test_metadata_that_say_nothing_do_no_harm(tmp_path, content):
    names = ["submission_111/blocks.ipynb", "submission_metadata.yml"]
    file = archive(tmp_path, names, contents={names[1]: content.encode()})
    assert users(file) == [("submission_111", "submission_111", False)]


# -- clones ------------------------------------------------------------------------------------


def _clone(folder, date, more=()):
    folder.mkdir(parents=True)
    (folder / "blocks.ipynb").write_bytes(GOOD)
    environment = {
        **os.environ,
        **{f"GIT_{who}_NAME": "a" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "a@example.org" for who in ("AUTHOR", "COMMITTER")},
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_DATE": date,
    }
    commands = ["git init -q", "git add -A", "git commit -qm x", *more]
    for command in commands:
        subprocess.run(command, shell=True, cwd=folder, env=environment, check=True)
    return folder


def test_clones_from_github(tmp_path):
    root = tmp_path / "submissions" / "blocks-submissions"
    in_time, late = "2027-02-28T10:00:00+0000", "2027-03-05T10:00:00+0000"
    packed = ("git gc -q",)
    _clone(root / "blocks-ada-l", in_time, packed)
    bot = f"echo x > README.md && git add -A && GIT_COMMITTER_DATE={late} git commit -qm feedback"
    _clone(root / "blocks-bo-m", in_time, (bot,))  # what came later is no notebook
    hostile = _clone(root / "blocks-cy", late)
    spy = tmp_path / "ran"
    with (hostile / ".git" / "config").open("a") as file:
        for key in ("fsmonitor", "pager", "sshCommand", "hooksPath"):
            file.write(f'[core]\n{key} = "touch {spy}; false"\n')
        file.write(f'[log]\nshowSignature = true\n[gpg]\nprogram = "touch {spy}"\n')
    for number in range(3_000):  # would refuse the student if it was walked
        (root / "blocks-ada-l" / ".git" / f"{number}").touch()
    found, refused = collect(tmp_path / "submissions", DEADLINE)
    assert [(one.system, one.user, one.late) for one in found] == [
        ("github", "ada-l", False),
        ("github", "bo-m", False),
        ("github", "cy", True),
    ]
    assert [one.time.astimezone(UTC).day for one in found] == [28, 28, 5]
    assert [one.label for one in refused] == ["blocks-bo-m/README.md"] and not spy.exists()
    accounts = roster.Roster([roster.Student("7", "Ada", github="Ada-L")])
    assert [getattr(accounts.find(one), "id", None) for one in found] == ["7", None, None]


def test_a_clone_alone_a_shallow_one_and_a_damaged_one(tmp_path):
    origin = _clone(tmp_path / "origin", "2027-02-28T10:00:00+0000")
    subprocess.run(
        ["git", "clone", "-q", "--depth", "1", origin.as_uri(), "blocks-ada-l"],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "blocks-ada-l").rename(folder / "blocks-ada-l")
    accounts = roster.Roster([roster.Student("7", "Ada", github="ada-l")])
    ((alone,), _) = collect(folder)
    assert accounts.find(alone).id == "7" and alone.time.astimezone(UTC).day == 28
    (folder / "blocks-ada-l" / ".git" / "HEAD").write_text("ref: refs/../../../../etc/passwd")
    ((alone,), _) = collect(folder, DEADLINE)
    assert alone.time is None and not alone.late


def test_a_repository_in_an_archive_is_not_read(tmp_path):
    names = ["blocks-ada-l-main/blocks.ipynb", "blocks-bo-main/blocks.ipynb"]
    names += [f"blocks-ada-l-main/.git/objects/{number}" for number in range(50)]
    found, refused = collect(archive(tmp_path, names))
    assert len(found) == 2 and refused == []
    accounts = roster.Roster([roster.Student("7", "Ada", github="ada-l")])
    assert {getattr(accounts.find(one), "id", None) for one in found} == {"7", None}


# -- times -------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["archive", "folder"])
def test_the_time_of_the_download_makes_nobody_late(tmp_path, source):
    names = ["doejane_101_9001_blocks.ipynb", "roejohn_LATE_102_9002_blocks.ipynb"]
    moodle = ["Jane Doe_5021_assignsubmission_file/b.ipynb"]
    for files, late in ((names, [False, True]), (moodle, [False])):
        file = archive(tmp_path, files)
        if source == "folder":
            with zipfile.ZipFile(file) as opened:
                opened.extractall(tmp_path / files[0][:4])
            file = tmp_path / files[0][:4]
        assert [one.late for one in collect(file, DEADLINE)[0]] == late


def test_files_without_a_time_are_not_late(tmp_path):
    file = archive(tmp_path, ["jane.ipynb"], (1980, 1, 1, 0, 0, 0))
    assert users(file, DEADLINE) == [("jane", "jane", False)]
    assert users(archive(tmp_path, ["jane.ipynb"]), DEADLINE) == [("jane", "jane", True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Monday, 1 March 2027, 9:00 PM", "2027-03-01 21:00"),
        ("Montag, 1. März 2027, 21:05", "2027-03-01 21:05"),
        ("lunes, 1 de marzo de 2027, 21:00", "2027-03-01 21:00"),
        ("mardi 2 mars 2027, 09:07", "2027-03-02 09:07"),
        ("martedì, 2 marzo 2027, 21:00", "2027-03-02 21:00"),
        ("dinsdag, 2 maart 2027, 12:00", "2027-03-02 12:00"),
        ("terça, 2 fev 2027, 12:00", "2027-02-02 12:00"),
        ("Jan 2, 2026 304 PM", "2026-01-02 15:04"),
        ("Jan 2, 2026 1204 AM", "2026-01-02 00:04"),
        ("2027-03-01 21:00:05", "2027-03-01 21:00"),
        ("1.3.2027, 21:00", "2027-03-01 21:00"),
        ("01.03.2027 21:00", "2027-03-01 21:00"),
        ("13/3/2027 21:00", "2027-03-13 21:00"),
        ("3/13/2027 9:00 PM", "2027-03-13 21:00"),
        ("3/1/2027 9:00 PM", None),  # in January or in March
        ("понедельник, 1 марта 2027, 21:00", "2027-03-01 21:00"),
        ("poniedziałek, 1 lutego 2027, 21:00", "2027-02-01 21:00"),
        ("maanantai 1. helmikuuta 2027, 21.00", "2027-02-01 21:00"),
        ("-", None),
        ("", None),
        ("Monday, 99 March 2027, 29:00", None),
    ],
)
def test_times_in_words(text, expected):
    found = times.time_in_words(text)
    assert (found and f"{found:%Y-%m-%d %H:%M}") == expected


@pytest.mark.parametrize(
    ("times", "days", "said"),
    [
        (["01.03.2027 21:00", "-"], [1], ""),
        (["3/1/2027 9:00 PM", "3/13/2027 9:00 PM"], [1, 13], ""),
        (["1/3/2027 21:00", "13/3/2027 21:00"], [1, 13], ""),
        (["3/1/2027 9:00 PM", "3/2/2027 9:00 PM"], [], "the times of 2 students cannot be read"),
    ],
)
def test_times_that_cannot_be_read_are_not_passed_over(tmp_path, times, days, said):
    lines = [f"{number},{number},{time}\n" for number, time in enumerate(times, 1)]
    known = read(tmp_path, "ID,Name,Last modified (submission)\n" + "".join(lines))
    assert [time.day for time in known.submitted.values()] == days
    assert {time.month for time in known.submitted.values()} <= {3}
    assert said in " ".join(known.remarks) and bool(known.remarks) == bool(said)


def test_the_time_in_moodles_worksheet_counts(tmp_path):
    rows = [
        ["Identifier", "Full name", "Last modified (submission)"],
        ["Participant 5021", "Jane Doe", "Monday, 1 March 2027, 9:00 PM"],
        ["Participant 5022", "John Roe", "Tuesday, 2 March 2027, 9:00 PM"],
        ["Participant 5023", "Kim Bo", "-"],
    ]
    (tmp_path / "r").mkdir()
    file = tmp_path / "r" / "grades.csv"
    with file.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows(rows)
    known = roster.read_roster(file)
    names = [f"{one.name}_{one.id}_assignsubmission_file/b.ipynb" for one in known.students]
    found, _ = collect(archive(tmp_path, names))
    entries = sort_out(found, [], known, {})
    assert [one.submission.time and one.submission.time.day for one in entries] == [1, 2, None]


# -- archives ----------------------------------------------------------------------------------

NAMES = ["José Núñez", "王伟", "Anna Björk"]
KNOWN = roster.Roster(
    [
        roster.Student("101", "José Núñez"),
        roster.Student("102", "王伟"),
        roster.Student("103", "Björk, Anna"),
        roster.Student("104", "Пушкин Александр"),
        roster.Student("105", "山田太郎"),
    ]
)
FINDER = ("finder", lambda text: unicodedata.normalize("NFD", text).encode())


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("cp857", "Ayşe Yıldız"), ("cp737", "Γιώργος Παπάς"), ("cp1251", "Иван Петров"),
        ("cp1253", "Γιώργος Παπάς"), ("cp1254", "Ayşe Yıldız"), ("cp862", "דוד לוי"),
        ("cp874", "สมชาย ใจดี"), ("cp775", "Jānis Bērziņš"), ("mac_roman", "José Núñez"),
        ("koi8_r", "Иван Петров"), ("cp852", "Łukasz Dvořák"), ("cp1250", "Łukasz Dvořák"),
        ("euc_kr", "김철수"), ("cp932", "表示"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "what", ["{}/blocks.ipynb", "{}.ipynb", "{}_9_assignsubmission_file/x.ipynb"]
)
def test_names_in_archives_are_those_that_the_roster_has(tmp_path, encoding, name, what):
    known = roster.Roster([roster.Student("7", name), roster.Student("8", "José Nuñez Ö")])
    names = [what.format(name), "plain/x.ipynb"]
    file = archive(tmp_path, names, encode=lambda text: text.encode(encoding))
    found, _ = collect(file, None, known.knows)
    assert {student.id for one in found if (student := known.find(one))} == {"7"}


@pytest.mark.parametrize(
    ("how", "names", "found"),
    [
        (FINDER, NAMES, ["101", "102", "103"]),
        (("cp850", lambda text: text.encode("cp850")), NAMES[::2], ["101", "103"]),
        (("cp437", lambda text: text.encode("cp437")), NAMES[::2], ["101", "103"]),
        (("cp1252", lambda text: text.encode("cp1252")), NAMES[::2], ["101", "103"]),
        (("gbk", lambda text: text.encode("gbk")), ["王伟"], ["102"]),
        (("cp866", lambda text: text.encode("cp866")), ["Александр Пушкин"], ["104"]),
        (("cp932", lambda text: text.encode("cp932")), ["山田太郎"], ["105"]),
        ((" flag", None), NAMES, ["101", "102", "103"]),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_names_in_archives_of_finder_and_explorer(tmp_path, how, names, found):
    files = [f"{name}/blocks.ipynb" for name in names] + ["plain/x.ipynb"]
    taken, refused = collect(archive(tmp_path, files, encode=how[1]))
    who = [student.id for one in taken if (student := KNOWN.find(one))]
    assert sorted(who) == found and refused == [] and len(taken) == len(files)


def test_a_name_in_parts_is_the_same_student(tmp_path):
    whole, parts = (unicodedata.normalize(form, "José") for form in ("NFC", "NFD"))
    folder = tmp_path / "in"
    folder.mkdir()
    for name in (f"{parts}.ipynb", f"{whole} (1).ipynb", "bo.ipynb"):
        (folder / name).write_bytes(GOOD)
    assert [one.user for one in collect(folder)[0]] == ["bo", whole]
    known = roster.Roster([roster.Student("9", "Someone", login=whole)])
    assert _who(known, "plain", collect(folder)[0][1].user) == "9"
    assert known.named(parts).id == "9"
    file = f"{parts}_9_assignsubmission_file/x.ipynb"
    ((one,), _) = collect(archive(tmp_path, [file], encode=str.encode))
    assert (one.user, one.name) == ("9", whole)


def test_a_name_that_is_also_kept_as_unicode(tmp_path):
    raw, name = b"Jos?.ipynb", "José Núñez.ipynb"
    file = tmp_path / "in.zip"
    with zipfile.ZipFile(file, "w") as opened:
        info = zipfile.ZipInfo("Jos?.ipynb")
        content = b"\1" + struct.pack("<L", zlib.crc32(raw)) + name.encode()
        info.extra = struct.pack("<HH", 0x7075, len(content)) + content
        opened.writestr(info, GOOD)
    ((one,), _) = collect(file)
    assert one.user == "José Núñez"


def _zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in files.items():
            opened.writestr(name, data)
    return stream.getvalue()


def _packed_with(method, data):
    """The bytes of an archive whose entries name another method of compression."""
    data = bytearray(data)
    for mark, place in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        at = data.find(mark)
        while at >= 0:
            data[at + place : at + place + 2] = struct.pack("<H", method)
            at = data.find(mark, at + 1)
    return bytes(data)


def test_archives_that_students_hand_in(tmp_path):
    inner = _zipped({"exercises-pytorch/blocks.ipynb": notebook("inner"), "../x.ipynb": b""})
    names = {
        "doejane_101_9001_exercises-pytorch.zip": inner,
        "roejohn_102_9002_all.zip": _zipped({"a.zip": inner}),
        "kimbo_103_9003_x.zip": b"no archive",
        "leeann_104_9004_deep.zip": _zipped({"a.zip": _zipped({"b.zip": inner})}),
        "okdan_105_9005_x.rar": b"Rar!",
        "pamo_106_9006_zip.rar": inner,
        "quba_107_9007_x.zip": b"7z\xbc\xaf\x27\x1c",
        "rita_108_9008_x.zip": _packed_with(9, inner),
        "sven_109_9009_x.zip": b"",
    }
    found, refused = collect(archive(tmp_path, names, contents=names))
    assert [(one.user, one.read()) for one in found] == [
        (number, notebook("inner")) for number in ("101", "106", "102")
    ]
    reasons = {one.label: one.reason for one in refused}
    assert "a damaged zip archive, or none: ask for it" in reasons["kimbo_103_9003_x.zip"]
    assert "unpack it, and put the notebook in its place" in reasons["okdan_105_9005_x.rar"]
    assert (
        "leads out of the archive" in reasons["doejane_101_9001_exercises-pytorch.zip/../x.ipynb"]
    )
    assert "in an archive in an archive" in reasons["leeann_104_9004_deep.zip/a.zip/b.zip"]
    # Who handed in only what cannot be graded needs a person, and is not absent.
    entries = sort_out(found, list(refused), roster.Roster(()), {})
    assert {one.student.id for one in entries} == {str(number) for number in range(101, 110)}
    said = {one.label[:4]: one.reason for one in refused if "../x" not in one.label}
    assert "a 7-Zip archive (.7z) that is named .zip: unpack it" in said["quba"]
    assert "packed with Deflate64, which cannot be read here: unpack it" in said["rita"]
    assert said["sven"] == "an empty file: ask for it again"


def test_many_files_of_a_student_get_one_line():
    many = [Refused(f"ann/{number}.png", "not a notebook (.ipynb)") for number in range(2000)]
    few = [Refused("ben/1.png", "not a notebook (.ipynb)"), Refused("ann/x", "a link")]
    assert list(reasons([*many, *few])) == [
        "ann: 2,000 files: not a notebook (.ipynb)",
        "ben/1.png: not a notebook (.ipynb)",
        "ann/x: a link",
    ]


def test_the_time_of_a_students_archive_is_not_in_it(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "jane.zip").write_bytes(_zipped({"blocks.ipynb": GOOD}))  # says 1980
    os.utime(folder / "jane.zip", (2_000_000_000, 2_000_000_000))
    assert users(folder, DEADLINE) == [("jane", "jane", True)]


def test_few_files_of_an_archive_are_read_to_tell_what_they_are(tmp_path, monkeypatch):
    from grader.intake import files

    many = {f"{number}.txt": b"{" for number in range(100)}
    names = {"ann.zip": _zipped({**many, "x.ipynb": GOOD}), "ben": GOOD, "cy.txt": b"{}"}
    read, real = [], files._is_notebook_content
    monkeypatch.setattr(files, "_is_notebook_content", lambda one: read.append(one) or real(one))
    found, _ = collect(archive(tmp_path, names, contents=names))
    assert [one.user for one in found] == ["ann", "ben"] and len(read) == 42


def test_one_student_cannot_stop_the_class(tmp_path, monkeypatch):
    from grader.intake import files

    monkeypatch.setattr(files, "MOST_FILES", 5)
    names = ["class/ann.ipynb", "class/ben.ipynb"]
    names += [f"class/eve/{number}.ipynb" for number in range(9)]
    found, refused = collect(archive(tmp_path, names))
    assert [one.user for one in found] == ["ann", "ben"]
    assert any("9 files; at most 5" in one.reason for one in refused)
    known = roster.Roster([roster.Student("eve", "Eve")])
    assert [one.student.id for one in sort_out(found, refused, known, {})][-1] == "eve"


def test_an_archive_of_another_kind_is_refused_with_what_to_do(tmp_path):
    for data, said in (
        (b"\x1f\x8b" + b"0" * 50, r"a gzip archive .*; unpack it.* or make a zip archive of it"),
        (b"7z\xbc\xaf\x27\x1c", r"a 7-Zip archive .*; unpack it"),
        (b"", "an empty file; download it again"),
        (b"x", "not a readable zip archive"),
    ):
        (tmp_path / "class.zip").write_bytes(data)
        with pytest.raises(IntakeError, match=said):
            collect(tmp_path / "class.zip")


def test_names_of_all_kinds_are_taken_or_refused_with_a_reason(tmp_path):
    names = [
        "con.ipynb", "e\u0301ve.ipynb", "\u00e9ve2.ipynb", "EVE.ipynb", "eve.ipynb",
        "a\x1b[31mred.ipynb", "\u202etxt.ipynb", "x;=1+1;.ipynb", "=1+1.ipynb", " .ipynb", ".ipynb",
        "a" * 250 + ".ipynb", "s0 .ipynb", "s0\u200b.ipynb", "-.ipynb", "x\ny.ipynb",
        "<script>alert(1)</script>.ipynb", "'\">.ipynb", "s0.IPYNB",
    ]  # fmt: skip
    found, refused = collect(archive(tmp_path, names))
    assert len(found) == len(names) and refused == []
    assert all(one.user.isprintable() and one.label.isprintable() for one in found)


# -- rosters -----------------------------------------------------------------------------------


def read(tmp_path, text, encoding="utf-8"):
    file = tmp_path / "class.csv"
    file.write_bytes(text if encoding is None else text.encode(encoding))
    return roster.read_roster(file)


MOODLE = 'Identifier,"Full name","ID number","Email address"\n'
ADA = [("5021", "Ada Lovelace")]
ROSTERS = {
    "canvas": (
        "Student,ID,SIS User ID,SIS Login ID,Section,Blocks (77)\n,,,,,Manual Posting\n"
        '    Points Possible,,,,,35\n"Ng, Mei",101,00420,mng,"DL 1, and DL 2",\n'
        '"Student, Test",999,,a1b2,DL 1,\n',
        "utf-8-sig",
        [("101", "Ng, Mei")],
    ),
    "cp1252": ("Name;ID\nJosé Núñez;101\n", "cp1252", [("101", "José Núñez")]),
    "byte order mark": ("Name;ID\nJosé Núñez;101\n", "utf-8-sig", [("101", "José Núñez")]),
    "utf-16": ("Name\tID\nJosé\t101\n", "utf-16", [("101", "José")]),
    "utf-16, no mark": ("Name\tID\nJosé\t101\n", "utf-16-le", [("101", "José")]),
    "utf-16, large end first": ("Name\tID\nJosé\t101\n", "utf-16-be", [("101", "José")]),
    "sep": ("sep=;\nName;ID\nAda;101\n", "utf-8-sig", [("101", "Ada")]),
    "moodle": (f"{MOODLE}Participant 5021,Ada Lovelace,0042,a@x.org\n", "utf-8-sig", ADA),
    "moodle, german": (
        'ID,"Vollständiger Name",ID-Nummer\nTeilnehmer/in5021,Ada Lovelace,0042\n', "utf-8", ADA,
    ),
    "moodle, german with a star": ("ID,Name\nTeilnehmer*in5021,Ada Lovelace\n", "utf-8", ADA),
    "moodle, spanish": (
        'Identificador,"Nombre completo"\nParticipante5021,Ada Lovelace\n', "utf-8", ADA,
    ),
    "moodle, french": ("Identifiant,Nom complet\nParticipant 5021,Ada Lovelace\n", "utf-8", ADA),
    "moodle, japanese": ("識別子,氏名\n参加者5021,Ada Lovelace\n", "utf-8", ADA),
    "moodle, two columns": (
        "Identifier,First name,Last name\nParticipant 5021,Ada,Lovelace\n", "utf-8", ADA,
    ),
    "moodle, with logins": (
        'Identifier,"Full name",Username\nParticipant 5021,Ada Lovelace,alove\n', "utf-8", ADA,
    ),
    "moodle, participants": (
        "First name,Last name,Email address,Groups\nAda,Lovelace,ada@x.org,A\n",
        "utf-8",
        [("ada@x.org", "Ada Lovelace")],
    ),
    "moodle, gradebook": (
        "First name,Surname,ID number,Email address,Assignment: Blocks (Real)\n"
        "Ada,Lovelace,0042,ada@x.org,-\n",
        "utf-8",
        [("0042", "Ada Lovelace")],
    ),
    "github classroom": (
        '"identifier","github_username","github_id","name"\n"lovelace","ada-l","12345",""\n',
        "utf-8",
        [("lovelace", "ada-l")],
    ),
    "gradescope": (
        "First Name,Last Name,SID,Email,Sections\nAda,Lovelace,0042,ada@x.org,A\n",
        "utf-8",
        [("0042", "Ada Lovelace")],
    ),
    "brightspace": (
        "OrgDefinedId,Username,Last Name,First Name,End-of-Line Indicator\n"
        "#0042,#ada,Lovelace,Ada,#\n",
        "utf-8",
        [("0042", "Ada Lovelace")],
    ),
    "blackboard": (
        '"Last Name"\t"First Name"\t"Username"\t"Student ID"\nLovelace\tAda\tada\t0042\n',
        "utf-16",
        [("0042", "Ada Lovelace")],
    ),
    "gradescope, with staff": (
        "Name,SID,Email,Role\nAda L,42,a@x.org,Student\nProf,1,p@x.org,Instructor\n",
        "utf-8",
        [("42", "Ada L")],
    ),
    "underscores": ("student_id,full_name\n1,Ada\n", "utf-8", [("1", "Ada")]),
    "decimals of a spreadsheet": ("ID,Name\n101.0,Bo\n", "utf-8", [("101", "Bo")]),
    "only carriage returns": ("ID,Name\r101,Ada\r", "utf-8", [("101", "Ada")]),
    "two sections": ("ID,Name,Section\n101,Ada,A\n101,Ada,B\n", "utf-8", [("101", "Ada")]),
    "a heading of two lines": ('"ID","Name","Lab\n1"\n101,Ada,3\n', "utf-8", [("101", "Ada")]),
    "an empty line first": ("\nID,Name\n101,Ada\n", "utf-8", [("101", "Ada")]),
    "a title first": ("Class of 2027,\n,\nID,Name\n101,Ada\n", "utf-8", [("101", "Ada")]),
    "a blank that does not break": ("ID,Full\u00a0name\n101,Ada\n", "utf-8", [("101", "Ada")]),
    "no students": ("ID,Name\n", "utf-8", []),
    "letters in parts": ("ID,Name\n101,Jose\u0301\n", "utf-8", [("101", "José")]),
    "german, with signs": (
        "Nachname;Vorname;Matrikel-Nr.;E-Mail\nL;Ada;42;a@x\n", "utf-8", [("42", "Ada L")],
    ),
    "german, family name": ("Name,Vorname,Matrikelnr.\nL,Ada,42\n", "utf-8", [("42", "Ada L")]),
    "forenames": ("Surname,Forename,Student No.\nL,Ada,42\n", "utf-8", [("42", "Ada L")]),
    "portuguese": ("Nome,Matrícula\nAda L,42\n", "utf-8", [("42", "Ada L")]),
    "polish": ("Imię,Nazwisko,Numer indeksu\nAda,L,42\n", "utf-8", [("42", "Ada L")]),
    "columbia": ("Last Name,First Name,UNI\nL,Ada,al1\n", "utf-8", [("al1", "Ada L")]),
    "moodle, german participants": (
        "Vorname,Nachname,ID-Nummer,Rollen\nAda,L,42,Teilnehmer/in\nX,Y,1,Lehrende/r\n"
        'B,C,43,"Lehrende/r, Teilnehmer/in"\n',
        "utf-8",
        [("42", "Ada L"), ("43", "B C")],
    ),
    "saved as UTF-8 twice": (
        "ID,Name\n101,José\n".encode().decode("cp1252"), "utf-8", [("101", "José")],
    ),
    "a formula that keeps zeros": (
        'Name,ID\nAda,"=""00123"""\nBo,="00124"\n', "utf-8", [("00123", "Ada"), ("00124", "Bo")],
    ),
    "two decimals": ("ID;Name\n101,00;Bo\n12.00;Cy\n", "utf-8", [("101", "Bo"), ("12", "Cy")]),
    "a count of rows": (
        "ID,Student number,Name\n1,20231234,Ada\n2,20231235,Bo\n", "utf-8",
        [("20231234", "Ada"), ("20231235", "Bo")],
    ),
    "each line in quotation marks": (
        '"Name,ID"\n"Ada ""A"" L,101"\n', "utf-8", [("101", 'Ada "A" L')],
    ),
    "a separator in quotation marks": (
        'Matrikelnummer;"Name, Vorname"\n101;"L, Ada"\n', "utf-8", [("101", "L, Ada")],
    ),
    "totals": (
        "ID,Name,Points\n101,Ada,3\n,Total 1,\nTotal,1,\nAverage,,3\n0,Class average,3\n"
        "102,Max,1\n",
        "utf-8",
        [("101", "Ada"), ("102", "Max")],
    ),
    "markdown": ("| ID | Name |\n|----|:----|\n| 101 | Ada |\n", "utf-8", [("101", "Ada")]),
    "canvas, german": (
        "Student,ID,SIS User ID,Section\n    Mögliche Punkte,,,\n101,101,,\nTeststudent,999,,A\n",
        "utf-8",
        [("101", "101")],
    ),
    "chinese, with staff": ("学号,姓名,角色\n1,Ada,学生\n2,Bo,教师\n", "utf-8", [("1", "Ada")]),
    "portuguese, with staff": (
        "ID,Nome,Papéis\n1,Ada,Estudante\n2,Bo,Professor\n", "utf-8", [("1", "Ada")],
    ),
    "a heading of roles that nobody knows": (
        "ID,Name,Rooli\n1,Ada,Student\n2,Bo,Teacher\n", "utf-8", [("1", "Ada")],
    ),
    "commas in a heading": ('ID;Name;"Lab, room, time"\n101;Ada;x\n', "utf-8", [("101", "Ada")]),
}  # fmt: skip


@pytest.mark.parametrize("kind", ROSTERS)
def test_rosters_as_systems_and_spreadsheets_write_them(tmp_path, kind):
    text, encoding, expected = ROSTERS[kind]
    assert [(one.id, one.name) for one in read(tmp_path, text, encoding).students] == expected


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        ("ID,Name\n1.01E+11,Ada\n", "utf-8", "has lost its digits in a spreadsheet"),
        (b"PK\x03\x04" + bytes(range(256)), None, "save it as CSV .in Excel: Save As, CSV UTF-8"),
        ("ID,Name\n101,王伟\n", "gbk", "its encoding cannot be told; save it as UTF-8"),
        ("ID,Name\n101,山田太郎\n", "shift_jis", "its encoding cannot be told"),
        ("ID,Name\n101,Łukasz\n", "cp1250", "its encoding cannot be told"),
        ("ID,Name\n101,José\n", "mac_roman", "its encoding cannot be told"),
        ("ID,Name\n101,Ada\n101,Bo\n", "utf-8", "the id 101 occurs twice, for Ada and Bo"),
        ("Name,Points\nAda,3\n", "utf-8", "needs the columns ID and Name; it has Name, Points"),
        ("Name,Zahl\nAda,3\n", "utf-8", "not understood: Zahl. Rename the right ones"),
        ("ID,Name\n101,Ana Núñez\n", "mac_roman", "its encoding cannot be told"),
        ("ID,Name\n101,Müller\n", "mac_roman", "its encoding cannot be told"),
        ("ID;Name\n101;Dvořák Čeněk\n", "cp1250", "its encoding cannot be told"),
        ('ID,Name\n101,"Ada\n102,Bo\n', "utf-8", "row 2: a quotation mark is not closed"),
        ('ID,Name\n101,"Ada\n102,"Bo"\n', "utf-8", "row 2: a line break in"),
    ],
)
def test_rosters_that_are_refused_say_what_to_do(tmp_path, text, encoding, said):
    with pytest.raises(roster.RosterError, match=said):
        read(tmp_path, text, encoding)


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        ("ID,Name\n101,Ayşe Yıldız\n", "cp1254", "read as Western European: check Y.*Ayþe"),
        ("ID,Name\n101,Wójcik Ścibor\n", "cp1250", "read as Western European: check Œcibor"),
        ("ID,Name\n101,José\n", "cp1252", "read as Western European: check José"),
        ("ID,Name\n101,JosÃ©\n102,Zoë\n", "utf-8", "saved as UTF-8 twice: check JosÃ©"),
        ("Name,Email,Kurs\nAda,a@x,1\n", "utf-8", "by their emails; not understood: Kurs"),
        ("Name;ID\nAda;12.000\nBo;12\n", "utf-8", "between the digits of ids, as in 12.000"),
        (
            "ID,Matricola,Name\n1,17,Ada\n2,18,Bo\n",
            "utf-8",
            "ID counts the rows.*of the column Matr",
        ),
        ('"Name,ID"\n"Ada,101"\n', "utf-8", "each line of the file is in quotation marks"),
        ("ID,Name,Role\n1,Ada,Wizard\n", "utf-8", "Ada is taken for a student; the role Wizard"),
    ],
)
def test_what_may_be_read_wrongly_is_said(tmp_path, text, encoding, said):
    (remark,) = read(tmp_path, text, encoding).remarks
    assert re.search(said, remark)


def test_ids_that_a_spreadsheet_has_changed(tmp_path):
    known = read(tmp_path, "Name;ID\nAda;12.000\nBo;12\n")
    assert [one.id for one in known.students] == ["12.000", "12"]
    who = [_who(known, "plain", text) for text in ("12", "12000", "12.000")]
    assert who == ["12", "12.000", "12.000"]


def test_further_ids_name_a_student_too(tmp_path):
    known = read(tmp_path, "ID,Student ID,Matricola,Name\nx1,101,m1,Ada\nx2,102,m2,Bo\n")
    assert [(one.id, one.sis) for one in known.students] == [("x1", "101"), ("x2", "102")]
    assert [_who(known, "plain", text) for text in ("x1", "102", "m2")] == ["x1", "x2", "x2"]


@pytest.mark.parametrize(
    ("heading", "sizes", "shared"),
    [
        ("Grupo", [30], False), ("Group", [3, 7], False), ("Group", [4], False),
        ("Group", [3, 6], True), ("Group", [1, 2], True), ("Team", [30], True), ("Team", [7], True),
    ],
)  # fmt: skip
def test_sections_share_no_mark(tmp_path, heading, sizes, shared):
    groups = [f"3{'ABC'[n]}" for n, size in enumerate(sizes) for _ in range(size)]
    rows = "".join(f"{100 + n},S{n},{group}\n" for n, group in enumerate(groups))
    known = read(tmp_path, f"ID,Name,{heading}\n{rows}")
    last = known.students[-1]
    assert bool(known.group_of(last)) == shared == (last.section == "")
    said = f"column {heading} are taken for sections, and share no marks: {groups[-1]} has"
    assert [said in one for one in known.remarks] == [True] * (not shared)


def test_a_student_in_two_sections_has_both(tmp_path):
    (ada,) = read(tmp_path, "ID,Name,Section,Email\n101,Ada,A,\n101,Ada,B,a@x.org\n").students
    assert (ada.section, ada.email) == ("A; B", "a@x.org")


def _who(known, system, user, name="", aliases=()):
    file = Submission(system, user, name, False, (0, 0.0, ""), "x", bytes, aliases=aliases)
    return getattr(known.find(file), "id", None)


def test_students_are_found_by_what_systems_write():
    known = roster.Roster(
        [
            roster.Student("1", "Doe, Jane Ann", "00042", "jdoe", "jane@x.org", github="JaneD"),
            roster.Student("2", "José Núñez", "43", "", "jose@x.org"),
            roster.Student("3", "Kim Bo"),
            roster.Student("4", "Bo Kim"),
            roster.Student("5", "van der Berg, Ann"),
        ]
    )
    assert _who(known, "plain", "42") == "1"  # a spreadsheet drops zeros
    assert _who(known, "plain", "JANE@x.org") == _who(known, "plain", "jane") == "1"
    assert _who(known, "canvas", "9", "nunezjose") == "2"
    assert _who(known, "canvas", "9", "núñezjosé") == "2"
    assert _who(known, "moodle", "9", "Group 7-José Núñez") == "2"
    assert _who(known, "moodle", "9", "Ann van der Berg") == "5"
    assert _who(known, "canvas", "9", "kimbo") is None  # it may be either
    assert _who(known, "plain", "x", aliases=("github:janed",)) == "1"
    assert known.named("Jane Ann Doe").id == "1"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("José", "Jose", True), ("Jose\u0301", "José", True), ("Йо", "ио", True),
        ("राम", "रमा", False), ("কি", "কু", False), ("กิตติ", "กตต", False), ("かと", "がと", False),
        ("か\u3099", "が", True), ("ﾊﾞ", "バ", True), ("はな", "ばな", False),
        ("مُحَمَّد", "محمد", True), ("أحمد", "احمد", True), ("דָּוִד", "דוד", True), ("김", "가", False),
    ],
)  # fmt: skip
def test_names_are_the_same_without_accents_only(one, other, same):
    assert (letters(one) == letters(other)) == same


@pytest.mark.parametrize(
    ("system", "user", "name", "student"),
    [
        ("moodle", "101", "Jane Doe", "102"), ("canvas", "101", "doejane", "102"),
        ("brightspace", "101", "Jane Doe", "102"), ("gradescope", "101", "Jane Doe", "102"),
        ("moodle", "101", "Group 1-Jane Doe", "102"), ("moodle", "44", "Jane Doe", "102"),
        ("moodle", "7", "Jane Doe", "102"), ("moodle", "101", "Kim Bo", None),  # two have the name
        ("moodle", "103", "Kim Bo", "103"), ("canvas", "101", "roejohn", "101"),
        ("canvas", "101", "johnny", "101"), ("moodle", "44", "Participant", "101"),
        ("plain", "101", "101", "101"),
    ],
)  # fmt: skip
def test_a_number_is_no_id_beside_the_name_of_another(system, user, name, student):
    known = roster.Roster(
        [
            roster.Student("101", "John Roe", "0044", login="7"),
            roster.Student("102", "Jane Doe"),
            roster.Student("103", "Kim Bo"),
            roster.Student("104", "Bo Kim"),
        ]
    )
    assert _who(known, system, user, name) == student


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("Anna-Maria Lee-Smith", "5021"), ("Anna-Maria Lee", "5021"), ("Maria Lee", "7"),
        ("Group 1-Maria Lee", "7"),
    ],
)  # fmt: skip
def test_a_part_of_a_name_with_a_hyphen_is_no_other_student(name, student):
    known = roster.Roster(
        [roster.Student("5021", "Anna-Maria Lee-Smith"), roster.Student("7", "Maria Lee")]
    )
    assert _who(known, "moodle", "5021", name) == student


def test_a_number_of_another_takes_nobodys_place(tmp_path):
    known = roster.Roster([roster.Student("101", "John Roe"), roster.Student("102", "Jane Doe")])
    names = [f"{one}_assignsubmission_file/b.ipynb" for one in ("Jane Doe_101", "John Roe_555")]
    found, refused = collect(archive(tmp_path, names))
    entries = sort_out(found, refused, known, {})
    assert {one.student.id: one.submission.label for one in entries} == {
        "102": names[0],
        "101": names[1],
    }
    assert refused == []


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("Copy of jane doe", "1"), ("Kopie von jdoe", "1"), ("Jane Doe - Copy of blocks", "1"),
        ("jdoe_blocks", "1"), ("blocks-JDOE-final", "1"), ("Doe_Jane_blocks (1)", "1"),
        ("jdoe@x.org_blocks", "1"), ("blocks (Zoë Ångström)", "s1234567"),
        ("blocks-s1234567", "s1234567"), ("blocks 2", None), ("blocks of 42", None),
        ("blocks Jane Doe Kim Bo", None), ("Jane", None), ("Doe blocks", None),
    ],
)  # fmt: skip
def test_a_part_of_a_plain_name_names_a_student(name, student):
    known = roster.Roster(
        [
            roster.Student("1", "Jane Doe", login="jdoe", email="jdoe@x.org"),
            roster.Student("2", "Kim Bo", "42"),
            roster.Student("s1234567", "Zoë Ångström"),
        ]
    )
    assert _who(known, "plain", name, name) == student
    assert _who(known, "canvas", "9", name) is None


def test_a_whole_name_goes_before_a_part_of_one(tmp_path):
    known = roster.Roster([roster.Student("1", "Jane Doe")])
    names = ["Jane Doe.ipynb", "with Jane Doe.ipynb"]
    found, refused = collect(archive(tmp_path, names))
    (entry,) = sort_out(found, refused, known, {})
    assert (entry.student.id, entry.submission.label) == ("1", "Jane Doe.ipynb")
    reasons = {one.label: one.reason for one in refused}
    assert reasons == {"with Jane Doe.ipynb": "one that has the student's name counts"}


def test_groups_share_a_mark(tmp_path):
    text = "ID,Name,Group\n" + "".join(
        f"{number},{name},{group}\n"
        for number, name, group in [
            (1, "Ada", "Group 7"), (2, "Bo", "Group 7"), (3, "Cy", "Group 8"), (4, "Di", "Group 8"),
            (5, "Ed", ""), (6, "Fay", "Group 9"), (7, "Gus", "Group 9"), (8, "Hal", "Group 9"),
            (9, "Ida", "Default group"), (10, "Jo", "Default group"),
        ]
    )  # fmt: skip
    (tmp_path / "r").mkdir()
    known = read(tmp_path / "r", text)
    names = ["group7_2_9001_b.ipynb", "Group 8.ipynb", "6.ipynb", "7.ipynb", "9.ipynb"]
    found, refused = collect(archive(tmp_path, names))
    entries = sort_out(found, refused, known, {})
    shared = {one.student.id: [other.id for other in one.partners] for one in entries}
    assert shared == {"2": ["1"], "3": ["4"], "6": [], "7": [], "9": []}
    (line,) = (one for one in refused if one.label == "group Group 9")
    assert "2 members handed in" in line.reason and "Hal" in line.reason


def test_a_person_settles_whose_file_it_is(tmp_path):
    known = roster.Roster([roster.Student("1", "Ada"), roster.Student("2", "Bo")])
    names = ["final version.ipynb", "1/old.ipynb", "1/z.ipynb", "2.ipynb"]
    found, refused = collect(archive(tmp_path, names))
    entries = sort_out(found, list(refused), known, {})
    assert {one.student.id for one in entries} == {"1", "2", "final version"}
    assigned = {"final version.ipynb": "2", "1/old.ipynb": "1"}
    entries = sort_out(found, refused, known, assigned)
    assert {one.student.id: one.submission.label for one in entries} == {
        "1": "1/old.ipynb",
        "2": "final version.ipynb",
    }
    reasons = {one.label: one.reason for one in refused}
    assert reasons["2.ipynb"] == reasons["1/z.ipynb"] == "another file was assigned by hand"
    assert "1/old.ipynb" not in reasons


def test_text_that_only_looks_western_is_refused():
    west = ("José Núñez", "Åsa Öberg", "Müller-Lüdenscheidt", "O’Neil", "naïve — café")
    assert all(csv_files._is_western(name) for name in west)
    wrong = ("ÀîÐ¡Áú", "JosŽ", "£ukasz", "\u008eé")
    assert not any(csv_files._is_western(name) for name in wrong)
