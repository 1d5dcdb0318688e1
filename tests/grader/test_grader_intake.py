"""Folders and archives as Canvas and Moodle export them, and as attackers would have them."""

import csv
import io
import os
import zipfile
from datetime import datetime

import pytest
from grader.intake import files, roster, submissions
from grader.intake.notebooks import NotebookError, read_notebook
from grader.intake.submissions import IntakeError, collect
from grader_tools import notebook

GOOD = notebook("x = 1")


def _folder(root, files):
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def _archive(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


CANVAS = {
    "doejane_12345_678910_blocks.ipynb": GOOD,
    "doejane_LATE_12345_678999_blocks-1.ipynb": notebook("x = 2"),
    "roejim_12346_678911_my_own_name.ipynb": GOOD,
    "roejim_12346_678912_notes.txt": b"hello",
}
MOODLE = {
    "Doe Jane_123456_assignsubmission_file_/blocks.ipynb": GOOD,
    "Roe Jim_123457_assignsubmission_file_/blocks.ipynb": GOOD,
    "Roe Jim_123457_assignsubmission_file_/__MACOSX/._blocks.ipynb": b"",
}


@pytest.fixture(params=["folder", "archive"])
def hand_in(request, tmp_path):
    """Make a folder or an archive of files."""

    def make(files):
        if request.param == "folder":
            return _folder(tmp_path / "handed-in", files)
        return _archive(tmp_path / "handed-in.zip", files)

    return make


def test_canvas(hand_in):
    found, refused = collect(hand_in(CANVAS))
    assert [(one.user, one.name, one.late) for one in found] == [
        ("12345", "doejane", True),
        ("12346", "roejim", False),
    ]
    assert found[0].read() == notebook("x = 2")  # the last counts
    assert sorted(one.reason for one in refused) == [
        "a later submission counts",
        "not a notebook (.ipynb)",
    ]


def test_moodle(hand_in):
    found, refused = collect(hand_in(MOODLE))
    assert [(one.system, one.user, one.name) for one in found] == [
        ("moodle", "123456", "Doe Jane"),
        ("moodle", "123457", "Roe Jim"),
    ]
    assert refused == []


def test_plain(hand_in):
    found, _ = collect(hand_in({"ann.ipynb": GOOD, "ben/any.IPYNB": GOOD}))
    assert [one.user for one in found] == ["ann", "ben"]


@pytest.mark.parametrize("files", [CANVAS, MOODLE, {"ann.ipynb": GOOD, "ben/x.ipynb": GOOD}])
def test_the_folder_of_a_class_in_another(hand_in, files):
    inner = {f"CS 101/Blocks/{name}": data for name, data in files.items()}
    assert len({one.user for one in collect(hand_in(inner))[0]}) == 2


def test_deadline(tmp_path):
    folder = _folder(tmp_path, {"ann.ipynb": GOOD, "ben.ipynb": GOOD})
    os.utime(folder / "ben.ipynb", (2_000_000_000, 2_000_000_000))
    deadline = datetime.fromtimestamp(1_900_000_000).astimezone()
    assert [one.late for one in collect(folder, deadline)[0]] == [False, True]


def test_nothing_there(tmp_path):
    with pytest.raises(IntakeError, match="no such folder"):
        collect(tmp_path / "nowhere")
    (tmp_path / "bad.zip").write_bytes(b"PK nothing")
    with pytest.raises(IntakeError, match="not a readable zip archive"):
        collect(tmp_path / "bad.zip")


# -- attacks -----------------------------------------------------------------------------------


def test_links_and_devices_in_a_folder(tmp_path):
    folder = _folder(tmp_path / "in", {"ann.ipynb": GOOD})
    secret = tmp_path / "secret.ipynb"
    secret.write_bytes(notebook("secret"))
    (folder / "link.ipynb").symlink_to(secret)
    (folder / "links").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.ipynb")
    found, refused = collect(folder)
    assert [one.user for one in found] == ["ann"]
    assert {one.label: one.reason.split(";")[0] for one in refused} == {
        "link.ipynb": "a link",
        "links": "a link",
        "loop": "a link",
        "pipe.ipynb": "not a regular file",
    }
    # A file that became a link in the meantime is not read either.
    (folder / "ann.ipynb").unlink()
    (folder / "ann.ipynb").symlink_to(secret)
    with pytest.raises(OSError):
        found[0].read()
    # Without the defence the link is followed.
    assert (folder / "link.ipynb").read_bytes() == notebook("secret")


def test_a_file_name_cannot_speak_for_another_student(tmp_path):
    other = "roejim_12346_999999_x.ipynb"
    files = [
        f"doejane_12345_678910_{other}",
        "Doe Ann_123_assignsubmission_file_x_12346_assignsubmission_file_x.ipynb",
        f"ann/{other}",
    ]
    found, _ = collect(_folder(tmp_path, dict.fromkeys(files, GOOD)))
    assert {one.user for one in found} == {"12345", "123", "ann"}


def test_odd_names(tmp_path):
    names = ["\x1b[2Jred.ipynb", "a\nb.ipynb", "-rf.ipynb", "=1+1.ipynb", "ü" * 60 + ".ipynb",
             "<script>.ipynb", "'; DROP TABLE students; --.ipynb", " .ipynb"]  # fmt: skip
    _folder(tmp_path, dict.fromkeys(names, GOOD))
    (tmp_path / os.fsdecode(b"\xff\xfe.ipynb")).write_bytes(GOOD)
    found, refused = collect(tmp_path)
    assert len(found) == len(names) + 1 and refused == []
    for one in found:
        assert one.user.isprintable() and one.label.isprintable()
        assert one.read() == GOOD
    assert len({one.user for one in found}) == len(found)


def test_paths_that_lead_out_of_an_archive(tmp_path):
    names = ["../../etc/cron.ipynb", "/etc/passwd.ipynb", "a/../../b.ipynb", "C:\\x.ipynb",
             "..\\x.ipynb", "d/" * 20 + "x.ipynb"]  # fmt: skip
    archive = _archive(tmp_path / "in.zip", {**dict.fromkeys(names, GOOD), "ann.ipynb": GOOD})
    found, refused = collect(archive)
    assert [one.user for one in found] == ["ann"]
    assert len(refused) == len(names)
    assert [path.name for path in tmp_path.iterdir()] == ["in.zip"]


def test_links_in_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        link = zipfile.ZipInfo("link.ipynb")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("ann.ipynb", GOOD)
        with pytest.warns(UserWarning):
            archive.writestr("ann.ipynb", notebook("second"))
    found, refused = collect(tmp_path / "in.zip")
    assert [(one.user, one.read()) for one in found] == [("ann", notebook("second"))]
    assert {one.reason for one in refused} == {
        "a link; links are not followed: put the file itself in its place",
        "occurs twice in the archive; the one that was added last counts",
    }


def test_damage_in_an_archive_is_not_the_students(tmp_path):
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    for kind in kinds:
        file = tmp_path / f"{kind}.zip"
        with zipfile.ZipFile(file, "w", kind) as archive:
            archive.writestr("ü.ipynb", GOOD)
            start = archive.infolist()[0].header_offset + 30
        data, damaged = file.read_bytes(), 0
        for at in range(start, start + len("ü.ipynb".encode()) + 12):
            file.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
            (found,), _ = collect(file)
            try:
                assert found.read() == GOOD  # not every bit of LZMA's heading is used
            except submissions.DamagedError:
                damaged += 1
        assert damaged > 10


def test_members_without_a_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name in (".", "", "ann.ipynb", "ben.ipynb"):
            archive.writestr(zipfile.ZipInfo(name), GOOD)
    assert [one.user for one in collect(tmp_path / "in.zip")[0]] == ["ann", "ben"]


def test_a_file_that_goes_while_the_folder_is_read(tmp_path, monkeypatch):
    folder = _folder(tmp_path, {"ann.ipynb": GOOD, "ben.ipynb": GOOD})
    real = os.scandir

    def scandir(path):
        found = list(real(path))
        (folder / "ann.ipynb").unlink(missing_ok=True)
        return found

    monkeypatch.setattr(os, "scandir", scandir)
    found, refused = collect(folder)
    assert [one.user for one in found] == ["ben"]
    assert [one.label for one in refused] == ["ann.ipynb"]


def test_names_that_look_alike_are_different_students(tmp_path):
    names = ["a\x01.ipynb", "a\x02.ipynb", "x" * 150 + "1.ipynb", "x" * 150 + "2.ipynb"]
    _folder(tmp_path, dict.fromkeys(names, GOOD))
    found, refused = collect(tmp_path)
    assert len({one.user for one in found}) == 4 and refused == []
    assert all(one.user.isprintable() and len(one.user) <= 120 for one in found)


# By what a file is, how it begins; and what is said of it.
NO_NOTEBOOKS = {
    "gzip": (b"\x1f\x8b\x08" + bytes(20), "a gzip archive .* named like a notebook: unpack it"),
    "7z": (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive .* named like a notebook: unpack it"),
    "tar": (bytes(257) + b"ustar", "a tar archive .* named like a notebook: unpack it"),
    "a web page": (b"\n<!DOCTYPE html>", "It is a web page: ask for the file that Jupyter saves"),
    "git lfs": (b"version https://git-lfs.github.com/spec/v1\n", "type git lfs pull"),
    "Python": (b"# %%\nx = 1", "It is Python code: ask for the notebook"),
    "a list": (b"[" + GOOD + b"]", "It is a list: if a notebook is in it"),
    "a server's": (b'{"name": "x", "content": ' + GOOD + b"}", "what its entry content has"),
    "format 1": (b'{"nbformat": 1, "cells": [{"cell_type": "code", "code": "x"}]}', "of format 1"),
    "too many cells": (notebook(*["x"] * 2001), "ask for it without cells that are no part"),
}


@pytest.mark.parametrize("what", NO_NOTEBOOKS)
def test_what_is_no_notebook_is_named_with_what_to_do(what):
    data, said = NO_NOTEBOOKS[what]
    with pytest.raises(NotebookError, match=said):
        read_notebook(data)


def test_zip_bombs(tmp_path):
    archive = _archive(tmp_path / "in.zip", {"bomb.ipynb": b" " * 50_000_000, "ann.ipynb": GOOD})
    assert archive.stat().st_size < 100_000
    found, refused = collect(archive)
    assert [one.user for one in found] == ["ann"]
    assert "zip bomb" in refused[0].reason
    # Without the defence, everything is unpacked.
    with zipfile.ZipFile(archive) as opened:
        assert len(opened.read("bomb.ipynb")) == 50_000_000


def test_what_an_archive_declares_concerns_its_student_alone(tmp_path):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("ann.ipynb", GOOD)
        archive.writestr("eve.ipynb", GOOD)
        archive.infolist()[-1].file_size = 17 * 2**30
    (ann, eve), refused = _as_declared(tmp_path / "in.zip")
    assert ann.read() == GOOD and refused == []
    with pytest.raises(NotebookError, match="17408 MB; at most 16 MB are read"):
        eve.read()


def _as_declared(archive):
    """What is collected of an archive, whatever looks like a zip bomb."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_MOST_RATIO", float("inf"))
        return collect(archive)


def test_a_member_that_lies_about_its_size(tmp_path):
    archive = _archive(tmp_path / "in.zip", {"liar.ipynb": os.urandom(30_000)})
    data = archive.read_bytes()
    true, lie = (30_000).to_bytes(4, "little"), (500).to_bytes(4, "little")
    archive.write_bytes(data.replace(true, lie))
    found, _ = collect(archive)
    try:
        assert len(found[0].read()) <= 500
    except NotebookError as error:
        assert "damaged" in str(error)


def test_too_many_and_too_large(tmp_path, monkeypatch):
    folder = _folder(tmp_path, {"ann.ipynb": GOOD})
    with open(folder / "large.ipynb", "wb") as file:
        file.truncate(100_000_000)
    found, _ = collect(folder)
    with pytest.raises(NotebookError, match="95 MB"):
        found[1].read()
    # So many files refuse the student who handed them in, and nobody else.
    monkeypatch.setattr(files, "MOST_FILES", 3)
    _folder(folder, {f"eve/{number}.txt": b"" for number in range(4)} | {"eve/x.ipynb": GOOD})
    found, refused = collect(folder)
    assert [one.user for one in found] == ["ann", "large"]
    (line,) = (one for one in refused if one.label == "eve")
    assert line.reason == "5 files; at most 3 of one student are taken: leave only the notebook"


# -- the roster --------------------------------------------------------------------------------

CANVAS_ROSTER = """\
Student,ID,SIS User ID,SIS Login ID,Section,Old (1)
    Points Possible,,,,,10
"Doe, Jané",12345,S1,jdoe,A,1
"Roe, Jim",12346,S2,jroe,A,2
"""


def _roster(tmp_path, text):
    (tmp_path / "class.csv").write_text(text, "utf-8-sig")
    return roster.read_roster(tmp_path / "class.csv")


def test_a_roster_names_the_students(tmp_path):
    found = _roster(tmp_path, CANVAS_ROSTER)
    assert [one.name for one in found.students] == ["Doe, Jané", "Roe, Jim"]
    files = {"doejane_12345_1_x.ipynb": GOOD, "jroe.ipynb": GOOD, "Jane Doe/x.ipynb": GOOD}
    handed_in, _ = collect(_folder(tmp_path / "in", files))
    who = {one.user: found.find(one).id for one in handed_in}
    assert who == {"12345": "12345", "jroe": "12346", "Jane Doe": "12345"}


def test_moodle_roster_and_other_separators(tmp_path):
    text = "Identifier;Full name;Email address\nParticipant 123456;Jane Doe;jd@x.org\n"
    found = _roster(tmp_path, text)
    handed_in, _ = collect(_folder(tmp_path / "in", MOODLE))
    assert [getattr(found.find(one), "name", None) for one in handed_in] == ["Jane Doe", None]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rosters_of_other_systems(tmp_path, end):
    lines = ["Identifier;Full name", "Participant 1;\"Jane, 'J' Doe\"", "Participant 2;Jim", ""]
    found = _roster(tmp_path, end.join(lines))
    assert [(one.id, one.name) for one in found.students] == [("1", "Jane, 'J' Doe"), ("2", "Jim")]


def test_ids_that_differ_in_case_only(tmp_path):
    found = _roster(tmp_path, "ID,Name\nann,A\nAnn,B\nBEN,C\n")
    files = dict.fromkeys(["ann.ipynb", "Ann.ipynb", "ANN.ipynb", "ben.ipynb"], GOOD)
    handed_in, _ = collect(_folder(tmp_path / "in", files))
    who = {one.user: getattr(found.find(one), "id", None) for one in handed_in}
    assert who == {"ann": "ann", "Ann": "Ann", "ANN": None, "ben": "BEN"}


TOO_LONG = "ID,Name\n1," + "x" * 200_000 + "\n"


@pytest.mark.parametrize("text", ["", "\n", "a,b\n1,2\n", "ID,Name\n1,A\n1,B\n", TOO_LONG])
def test_a_file_that_is_not_a_roster_is_refused(tmp_path, text):
    with pytest.raises(roster.RosterError):
        _roster(tmp_path, text)


def test_export_is_csv_that_runs_nothing():
    from grader.gradebook.database import CountedMark, StudentMarks
    from grader.gradebook.export import FORMATS

    one = roster.Student("1", '=HYPERLINK("x")', "\n=1", " =1", "＝1", "a,b@x")
    mark = CountedMark(None, 2.0, "needs a person")
    text = CountedMark(None, 2.0, "by hand", text="=1+1", comment="@me")
    rows = [StudentMarks(one, "@f.ipynb", False, False, "", {"q": mark, "r": text})]
    for write in FORMATS.values():
        table = list(csv.reader(io.StringIO(write("demo", rows).text)))
        assert len({len(line) for line in table}) == 1
        assert not any(cell.strip()[:1] in "=@＝" for line in table for cell in line if cell)
        assert '\'=HYPERLINK("x")' in table[-1]
