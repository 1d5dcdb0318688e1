"""A class whose work comes from five places, with what is odd about each: all of it is right.

The notebooks are odd too: the class has each kind of `odd_hand_ins`. The 20 of `make test` have 20
kinds.
"""

import io
import os
import subprocess
import zipfile

import pytest
from attacks import FULL
from grader.command_line import main
from grader.gradebook.database import Gradebook
from grader_tools import QUESTIONS
from odd_hand_ins import RIGHT

NAMES = ["José Núñez", "王伟", "Anna-Lena Björk", "Ada O’Neil", "Øystein Ås"]
DOWNLOADED = (2027, 3, 2, 9, 0, 0)


def zipped(files, separator="/"):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo("x", DOWNLOADED)
            info.filename = name.replace("/", separator)
            archive.writestr(info, content)
    return stream.getvalue()


def student(number):
    """The id and the name of a student; no two have the same name."""
    further = "".join(chr(ord("a") + digit) for digit in divmod(number, 20))
    return f"{1000 + number}", f"{NAMES[number % len(NAMES)]} {further}"


def canvas(folder, size, work):
    files, lines = {}, ["Student,ID,SIS User ID,SIS Login ID,Section,Blocks (77)"]
    lines.append("    Points Possible,,,,,30")
    for number in range(size):
        user, name = student(number)
        letters = "".join(letter for letter in name.casefold() if letter.isalnum())
        top = f"{letters}{'_LATE' * (number % 3 == 1)}_{user}_{9000 + number}_"
        name_of = ["blocks.ipynb", "blocks-1.ipynb", "x.zip", "blocks.ipynb.txt"][number % 4]
        inner = {"exercises/demo.ipynb": work(number), "__MACOSX/exercises/._demo.ipynb": b""}
        files[top + name_of] = zipped(inner, "\\") if number % 4 == 2 else work(number)
        lines.append(f'"{name}",{user},S{user},l{user},A,')
    (folder / "class.csv").write_text("\n".join(lines), "utf-8-sig")
    (folder / "in.zip").write_bytes(zipped(files))


def moodle(folder, size, work):
    files, lines = {}, ["ID;Vollständiger Name;Zuletzt geändert (Abgabe)"]
    for number in range(size):
        user, name = student(number)
        shown = ["", "Gruppe B-"][number % 2] + name
        inner = ["_file/", "_file_/", "_file_", "_file/my work/"][number % 4]
        files[f"{shown}_{user}_assignsubmission{inner}demo.ipynb"] = work(number)
        files[f"{shown}_{user}_assignsubmission_onlinetext/onlinetext.html"] = b"<p>"
        lines.append(f"Teilnehmer/in{user};{name};Montag, 1. März 2027, 21:0{number % 10}")
    (folder / "class.csv").write_bytes("\n".join(lines).encode("utf-16"))
    (folder / "in.zip").write_bytes(zipped(files))


def gradescope(folder, size, work):
    files, people = {}, []
    lines = ["First Name,Last Name,SID,Email"]
    for number in range(size):
        user, name = student(number)
        first, _, last = name.partition(" ")
        files[f"assignment_1_export/submission_{number}/demo.ipynb"] = work(number)
        people.append(
            f"submission_{number}:\n  :submitters:\n  - :name: {name}\n    :sid: '{user}'\n"
            f"    :email: e{user}@x.org\n  :created_at: 2027-02-28 10:00:0{number % 10}.0 Z\n"
        )
        lines.append(f"{first},{last},{user},e{user}@x.org")
    files["assignment_1_export/submission_metadata.yml"] = "".join(people).encode()
    (folder / "class.csv").write_text("\r".join(lines))
    (folder / "in.zip").write_bytes(zipped(files))


def github(folder, size, work):
    lines = ["identifier,github_username,github_id,name"]
    who = {f"GIT_{one}_{key}": "a" for one in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    dates = {f"GIT_{one}_DATE": "2027-02-28T10:00:00Z" for one in ("AUTHOR", "COMMITTER")}
    for number in range(size):
        user, name = student(number)
        clone = folder / "in" / "demo-submissions" / f"demo-week-1-acc-{number}-x"
        clone.mkdir(parents=True)
        (clone / "demo.ipynb").write_bytes(work(number))
        command = "git init -q && git add . && git commit -qm x"
        subprocess.run(
            command, shell=True, cwd=clone, check=True, env={**os.environ, **who, **dates}
        )
        lines.append(f"{user},Acc-{number}-X,{number},{name}")
    (folder / "class.csv").write_text("\n".join(lines))


def plain(folder, size, work):
    files, lines = {}, ["sep=;", "Name;ID"]
    for number in range(size):
        user, name = student(number)
        path = [f"{name}.ipynb", f"{user}/demo.ipynb", f"{user} (1).ipynb", f"{user}.zip"][
            number % 4
        ]
        content = zipped({"demo.ipynb": work(number)}) if path.endswith("zip") else work(number)
        files[f"Class/{path}"] = content
        lines.append(f"{name};{user}")
    files["Class/Roster.csv"] = b"x"
    encoded = "\n".join(lines).encode("utf-8-sig")
    (folder / "class.csv").write_bytes(encoded)
    (folder / "in.zip").write_bytes(zipped(files, "\\"))


EXPORTS = [canvas, moodle, gradescope, github, plain]
KINDS = list(RIGHT.values())


@pytest.mark.slow
@pytest.mark.parametrize("size", [4, pytest.param(36, marks=pytest.mark.full)])
@pytest.mark.parametrize("export", EXPORTS)
def test_right_work_has_full_marks_wherever_it_comes_from(tmp_path, capsys, export, size):
    first = EXPORTS.index(export) * size  # of its students, among all of them
    export(tmp_path, size, lambda number: KINDS[(first + number) % len(KINDS)])
    source = tmp_path / "in" if (tmp_path / "in").is_dir() else tmp_path / "in.zip"
    data = tmp_path / "data"
    command = ["--data", data, "grade", source, "--private", QUESTIONS, "--chapter", "demo"]
    command += ["--roster", tmp_path / "class.csv", "--jobs", "2"]
    command += ["--deadline", "2027-03-01T23:59"]
    assert main([str(part) for part in command]) == 0
    said = capsys.readouterr().out
    assert "nothing handed in" not in said and "nobody in the roster" not in said
    with Gradebook(data / "gradebook.sqlite") as book:
        marks = book.student_marks("demo", all_of_them=True)
    assert {one.student.id for one in marks} == {student(number)[0] for number in range(size)}
    assert [one.points for one in marks] == [sum(FULL.values())] * size
    late = {one.student.id for one in marks if one.late}
    if export is canvas:
        assert late == {student(number)[0] for number in range(size) if number % 3 == 1}
    elif export is plain:  # files have their own time
        assert len(late) == size
    else:
        assert late == set()
