"""Each check has been seen to fail: which tests show it, for every step and every judging test.

Steps are read from the Makefile and from the workflows; one that is new, and has no line here,
fails. So does a line that names a test which is gone.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soak
import yaml

TESTS = Path(__file__).parent
ROOT = TESTS.parent
MAKEFILE = (ROOT / "Makefile").read_text("utf8")

# A step, and the tests that show it failing, as file::test.
REJECTS: dict[str, list[str]] = {
    "browser": [
        "site/test_install_browser.py::test_without_rights_it_says_what_to_type",
        "site/test_install_browser.py::test_a_failing_installation_fails",
    ],
    "lint": [
        "test_project.py::test_style_is_checked",
        "test_project.py::test_style_is_checked_everywhere",
        "test_contributing.py::test_types_are_checked_strictly",
        "test_imports.py::test_a_forbidden_import_is_found",
        "test_imports.py::test_a_new_module_needs_its_layer",
    ],
    "check-notebooks": [
        "editions/test_running.py::test_what_makes_a_notebook_stale",
        "editions/test_running.py::test_prose_is_refreshed_without_running",
        "editions/test_running.py::test_a_claim_that_proves_nothing_stops_the_run",
        "editions/test_gpu.py::test_nothing_to_verify",
    ],
    "verify": [
        "editions/test_verifying.py::test_what_fails_the_run",
        "editions/test_verifying.py::test_part_of_a_notebook_leaves_no_record",
        "editions/test_gpu.py::test_nothing_to_verify",
        "editions/test_gpu.py::test_where_outputs_are_not_compared_nothing_is_verified",
    ],
    "book": [
        "editions/test_page.py::test_what_fails_the_build",
        "editions/test_building.py::test_a_failure_is_told_without_a_traceback",
    ],
    "pytest": ["test_must_fail.py::test_a_false_test_fails_the_step"],
    "site": ["editions/test_building.py::test_the_published_book_is_verified"],
    "links": [
        "editions/test_links.py::test_a_dead_link_is_named",
        "editions/test_links.py::test_asking_nothing_is_no_success",
    ],
    "test-gpu": [
        "editions/test_gpu.py::test_first_recorded_then_compared",
        "editions/test_gpu.py::test_without_a_gpu_nothing_passes",
        "editions/test_gpu.py::test_what_does_not_suffice_is_told",
        "editions/test_gpu.py::test_one_kernel_at_a_time",
        "editions/test_gpu.py::test_a_run_on_the_cpu_is_not_one_on_a_gpu",
        "editions/test_cards.py::test_it_leaves_all_other_numbers",
    ],
    "test-versions": [
        "test_versions.py::test_leaving_nothing_free_is_an_error",
        "test_must_fail.py::test_a_step_that_fails_fails_its_target",
    ],
    "report": [
        "test_weekly_issue.py::test_nothing_to_report_is_an_error",
        "test_weekly_issue.py::test_a_report_that_fails_is_not_lost",
    ],
    "test": ["test_must_fail.py::test_a_step_that_fails_fails_its_target"],
    "check-questions": [
        "exercises/test_exercises_tried.py::test_what_is_wrong_with_an_answer_is_told",
        "exercises/test_exercises_faults.py::test_a_fault_of_the_files_is_told_with_its_line",
    ],
    "test-full": ["test_must_fail.py::test_what_takes_long_fails_its_target"],
}

# Tests that judge what stands in the repository, and the tests that show them judging.
JUDGES: dict[str, str] = {
    "test_chapters.py::test_chapter": "test_chapters.py::test_what_is_missing_is_missed",
    "test_chapters.py::test_plots_are_drawings": "test_chapters.py::test_an_image_alone_is_found",
    "test_chapters.py::test_the_landing_page_lists_every_chapter": "the same",
    "test_chapters.py::test_a_book_of_one_framework_need_not_compare": "the same",
    "test_coverage.py::test_row": "test_coverage.py::test_a_bad_row_is_found",
    "test_coverage.py::test_every_fact_has_its_chapter_and_its_row": (
        "test_coverage.py::test_a_wrong_row_is_found"
    ),
    "test_coverage.py::test_pictures_are_not_counted": "the same",
    "test_coverage.py::test_nearly_all_outputs_are_compared": (
        "test_coverage.py::test_too_few_comparisons_are_found"
    ),
    "test_second_edition.py::test_chapter": "test_second_edition.py::test_a_lapse_is_found",
    "test_coverage.py::test_what_is_not_compared_is_followed_by_a_claim": (
        "test_coverage.py::test_an_output_without_a_claim_is_found"
    ),
    "test_project.py::test_the_pins_hold_on_any_machine": "the same",
    "test_project.py::test_every_requirement_has_a_floor_that_its_pin_meets": (
        "test_project.py::test_a_requirement_without_a_floor_is_found"
    ),
    "test_project.py::test_no_file_names_a_machine_or_a_registry": "the same",
    "test_imports.py::test_the_packages_keep_every_contract": (
        "test_imports.py::test_a_forbidden_import_is_found"
    ),
    "test_contributing.py::test_a_file_keeps_to_its_schema": "the same",
    "d2lcompute/test_package_api.py::test_every_public_name_stands_on_the_reference_page": (
        "the same"
    ),
    "distribution/test_distribution_files.py::test_twine_takes_both": (
        "distribution/test_distribution_files.py::test_twine_refuses_a_wheel_without_a_description"
    ),
    "distribution/test_distribution_colab.py::test_a_notebook_alone_runs_and_its_claims_hold": (
        "distribution/test_distribution_colab.py::test_a_claim_that_does_not_hold_stops_the_run"
    ),
    "distribution/test_distribution_versions.py"
    "::test_beside_the_frameworks_it_alone_is_installed": (
        "distribution/test_distribution_versions.py"
        "::test_a_package_that_would_move_numpy_is_found_out"
    ),
    "test_workflows.py::test_a_workflow_is_valid": (
        "test_workflows.py::test_an_invalid_workflow_is_found"
    ),
    "test_workflows.py::test_it_does_what_a_person_types": (
        "test_workflows.py::test_what_is_wrong_is_found"
    ),
    "site/test_pages.py::test_axe_finds_nothing_and_nothing_hangs_over": (
        "site/test_pages.py::test_faults_are_found"
    ),
    "site/test_pages.py::test_no_icon_is_blank": "site/test_pages.py::test_a_blank_icon_is_found",
    "site/test_weight.py::test_a_page_weighs_at_most_250_kib": (
        "site/test_weight.py::test_too_much_weight_is_found"
    ),
    "exercises/test_exercises_answers.py::test_the_solution_earns_full_marks_on_any_inputs": (
        "exercises/test_exercises_answers.py::test_a_wrong_answer_fails_where_it_is_wrong"
    ),
    "exercises/test_exercises_hidden.py::test_nothing_of_a_hidden_aspect_is_handed_out": (
        "exercises/test_exercises_hidden.py::test_what_is_shared_shows_in_what_is_handed_out"
    ),
    "grader/test_grader_inspect.py::test_an_honest_answer_passes": (
        "grader/test_grader_inspect.py"
        "::test_what_an_answer_replaced_in_its_process_is_not_replaced_where_it_is_inspected"
    ),
}


def names_of_tests(file: Path) -> Iterator[str]:
    """The names of a module's tests."""
    for node in ast.parse(file.read_text("utf8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name


def missing(name: str) -> bool:
    """Whether there is no such test."""
    file, _, test = name.partition("::")
    return not (TESTS / file).is_file() or test not in names_of_tests(TESTS / file)


def steps_of_make_test(makefile: str) -> set[str]:
    """What `make test` runs: the targets it needs, but for the environment, and its commands."""
    found = re.search(r"(?m)^test: (.*?)(?: ##.*)?\n((?:\t.*\n)+)", makefile)
    run = found[2].replace("$(PYTEST)", re.search(r"(?m)^PYTEST = (.*)$", makefile)[1])
    commands = set(re.findall(r"-m (\w+)", run))
    return {step for step in found[1].split() if not step.startswith("$(VENV)")} | commands


def test_every_step_of_make_test_has_been_seen_to_fail() -> None:
    steps = steps_of_make_test(MAKEFILE)
    assert {"lint", "verify", "pytest"} <= steps <= set(REJECTS)
    new = MAKEFILE.replace("test: $(VENV)/full ", "test: $(VENV)/full new-check ")
    assert steps_of_make_test(new) - set(REJECTS) == {"new-check"}


def test_every_check_of_a_workflow_has_been_seen_to_fail() -> None:
    called = set()
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for job in yaml.safe_load(path.read_text("utf8"))["jobs"].values():
            for step in job["steps"]:
                called |= set(re.findall(r"(?m)\bmake ([a-z-]+)", step.get("run", "")))
    assert called and called <= set(REJECTS)


def test_every_test_that_is_named_exists() -> None:
    named = [name for names in REJECTS.values() for name in names]
    named += [*JUDGES, *(name for name in JUDGES.values() if name != "the same")]
    assert [name for name in named if missing(name)] == []
    assert missing("test_must_fail.py::test_gone")
    assert missing("gone.py::test_gone")


def test_every_test_of_the_repository_has_one_that_shows_it_fail() -> None:
    """In the modules that hold nothing but such tests, each is named above, on either side."""
    for module in ("test_chapters.py", "test_coverage.py"):
        named = {name for pair in JUDGES.items() for name in pair}
        shown = {name.partition("::")[2] for name in named if name.startswith(module)}
        meta = {"test_every_check_is_seen_to_fail"}
        assert set(names_of_tests(TESTS / module)) == shown | (
            meta & set(names_of_tests(TESTS / module))
        )


BIN = Path(sys.executable).parent
FAKE = """\
#!/bin/sh
case "$1" in frameworks) exec {real} "$@" --project {root} ;; esac
echo "{environment} {program} $*" >> "$LOG"
case "{program} $*" in *"$FAILS"*) exit 1 ;; esac
"""


@pytest.fixture
def makefile(tmp_path: Path) -> Path:
    """The Makefile alone, with an environment whose programs do as they are told."""
    shutil.copyfile(ROOT / "Makefile", tmp_path / "Makefile")
    for name in ("pyproject.toml", "requirements.txt"):
        (tmp_path / name).touch()
    for environment in (".venv", ".venv-newest", ".venv-floors"):
        folder = tmp_path / environment / "bin"
        folder.mkdir(parents=True)
        for program in ("python", "ruff", "mypy", "lint-imports", "editions", "grader"):
            names = {"environment": environment, "program": program}
            text = FAKE.format(real=BIN / "editions", root=ROOT, **names)
            (folder / program).write_text(text)
            (folder / program).chmod(0o755)
        for stamp in ("python", "book", "full"):
            (tmp_path / environment / stamp).touch()
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    (tmp_path / "d2lcompute").mkdir()
    shutil.copy(ROOT / "d2lcompute" / "_frameworks.py", tmp_path / "d2lcompute")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "install-browser.sh").write_text('[ "$FAILS" != browser ]\n')
    return tmp_path


def make(folder: Path, *arguments: str, fails: str = "nothing") -> tuple[int, list[str]]:
    log = folder / "log"
    log.unlink(missing_ok=True)
    done = subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "LOG": str(log), "FAILS": fails},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize(
    "fails",
    [
        "browser",
        "check --quiet",
        "format --check",
        "--no-error-summary",
        "lint-imports",
        "editions check",
        "editions verify",
        "-m pytest tests",
    ],
)
def test_a_step_that_fails_fails_its_target(makefile: Path, fails: str) -> None:
    assert make(makefile, "test")[0] == 0
    assert make(makefile, "test", fails=fails)[0] != 0
    # and so under other versions, of which a list was made
    (makefile / "_build").mkdir()
    for name in ("newest", "floors"):
        (makefile / "_build" / f"{name}.txt").touch()
        for stamp in ("book", "full"):
            (makefile / f".venv-{name}" / stamp).touch()
    assert make(makefile, "test-versions", "VERSIONS=newest")[0] == 0
    assert make(makefile, "test-versions", "VERSIONS=newest", fails=fails)[0] != 0
    assert make(makefile, "test-versions", "VERSIONS=newest", fails="tests/versions.py")[0] != 0
    if fails in ("editions verify", "-m pytest tests"):
        assert make(makefile, "test-versions", "VERSIONS=floors", fails=fails)[0] != 0


@pytest.mark.parametrize(
    "fails", ["editions check", "tests/soak.py", "-m full", "check-questions --seeds=60"]
)
def test_what_takes_long_fails_its_target(makefile: Path, fails: str) -> None:
    (makefile / ".venv" / "pdf").touch()
    status, ran = make(makefile, "test-full")
    assert status == 0
    assert sum("-m pytest tests" in line for line in ran) == 2
    assert make(makefile, "test-full", fails=fails)[0] != 0


@pytest.mark.chapters("blocks")
def test_a_soak_takes_the_chapters_that_are_named() -> None:
    assert {Path(file).stem for file in soak.notebooks(["blocks"])} == {"blocks"}
    with pytest.raises(FileNotFoundError, match="no recorded notebook of the chapter 'block'"):
        soak.notebooks(["block"])


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["boook"], "there is no target 'boook'. Type make to list them."),
        (["tests"], "there is no target 'tests'. Type make to list them."),  # a folder is none
        (["exercises", "mine"], "no target 'mine'. Type make to list them, or CHAPTER=mine."),
        (
            ["grade", "a/x.zip"],
            "no target 'a/x.zip'. Type make to list them, or SUBMISSIONS=a/x.zip.",
        ),
        (
            ["grade", "x.csv"],
            "there is no target 'x.csv'. Type make to list them, or ROSTER=x.csv.",
        ),
        (["new-question", "a.b"], "there is no target 'a.b'. Type make to list them, or NAME=a.b."),
        (["new-question", "NAME=a.b", "TEXT=yes"], "TEXT is 'yes'; allowed are 1 and 0"),
        (
            ["verify", "DEVICE=gpu", "FRAMEWORK=jax"],
            "FRAMEWORK is jax; allowed are: pytorch tensor",
        ),
        (["exercises", "SOLUTION_FROM=2026-12-24"], "there is no setting SOLUTION_FROM=. Known: "),
        (["grade", "SUBMISSIONS=x", "DEADLNE="], "no setting DEADLNE=. Known: CHAPTER CONSTRAINTS"),
        (["notebooks", "CHAPTERS=blocks"], "there is no setting CHAPTERS=. Known: "),
        (["test", "D2L_SEEDS=3"], "of the environment stands before make: D2L_SEEDS=... make."),
        (["book", "VENV="], "VENV is ''; name a folder without blanks"),
        (["book", "VENV=a b"], "VENV is 'a b'; name a folder without blanks"),
        (["book", "VENV=tests"], "tests exists and is not an environment: move it away, or name"),
        (["book", "VENV=new", "PYTHON=no such"], "PYTHON is no such, which is no Python that runs"),
        (["book", "VENV=new", "PYTHON=/bin/sh"], "PYTHON is /bin/sh, which is no Python that runs"),
        (["book", "VENV=new", "PYTHON=./old"], "or 3.13 is needed; ./old is 3.9. Install one of"),
    ],
)
def test_what_was_mistyped_is_told(makefile: Path, typed: list[str], said: str) -> None:
    (makefile / "exercises" / "chapters" / "mine").mkdir(parents=True)
    (makefile / "old").write_text("#!/bin/sh\necho 3.9\n")
    (makefile / "old").chmod(0o755)
    there = set(makefile.iterdir())
    done = subprocess.run(
        ["make", *typed], cwd=makefile, capture_output=True, text=True, timeout=300, check=False,
        env={"PATH": os.environ["PATH"], "NAME": "A-COMPUTER", "LOG": str(makefile / "log")},
    )  # fmt: skip
    assert done.returncode == 2
    assert said in done.stderr and "Traceback" not in done.stderr
    assert set(makefile.iterdir()) == there  # nothing was begun, or deleted


@pytest.mark.parametrize(
    ("typed", "unread"),
    [
        (["grade", "SUBMISSIONS=x", "FRAMEWORK=torch", "CHAPTER=a", "JOBS=2"], ["FRAMEWORK"]),
        (["new-question", "NAME=a.b", "CHAPTER=a", "TITLE=t", "TEXT=1", "PRIVATE=d"], ["CHAPTER"]),
        (["exercises", "TORCH_INDEX=x", "PYTHON=x", "MOVED=x", "PORT=1"], ["MOVED", "PORT"]),
        (["exercises", "serve", "PORT=1", "SOLUTIONS_FROM=x"], []),  # one of them reads it
        (["site", "FRAMEWORK=pytorch", "JOBS=2", "CHAPTER=a"], []),  # what it needs reads them
        (["check-questions", "FRAMEWORK=x", "SEEDS=3", "PRIVATE=d", "CHAPTER=a"], []),
        (["book", "DEVICE=gpu", "FRAMEWORK=pytorch"], []),  # it names the environment
        (["test-gpu", "WHEELS=d", "PYTHON=p", "CHAPTER=a", "JOBS=2"], ["JOBS"]),
    ],
)
def test_a_setting_that_nothing_reads_is_told(
    makefile: Path, typed: list[str], unread: list[str]
) -> None:
    done = subprocess.run(
        ["make", "--dry-run", *typed], cwd=makefile, capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"], "SEEDS": "3", "TEXT": "no"},
    )  # fmt: skip
    targets = " ".join(one for one in typed if "=" not in one)
    said = [f"note: make {targets} does not read {name}=" for name in unread]
    assert done.stderr.splitlines() == said


@pytest.mark.parametrize(("text", "option"), [("1", " --text"), ("0", ""), ("", "")])
def test_a_switch_is_on_or_off(makefile: Path, text: str, option: str) -> None:
    ran = f".venv editions new-question{option} -- a.b"
    assert make(makefile, "new-question", "NAME=a.b", f"TEXT={text}") == (0, [ran])


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["notebooks", "DEVICE=cuda"], r"--device: invalid choice: 'cuda' \(choose .*cpu.*gpu"),
        (["notebooks", "DEVICE=cpu gpu"], r"--device: invalid choice: 'cpu gpu'"),
        (["notebooks", "DEVICE="], r"--device: invalid choice: ''"),
        (
            ["notebooks", "FRAMEWORK=torch"],
            r"--framework: invalid choice: 'torch' \(choose .*pytorch.*tensorflow",
        ),
        (["verify", "FRAMEWORK=pytorch tensorflow"], r"invalid choice: 'pytorch tensorflow'"),
        (["verify", "DEVICE=tpu"], r"--device: invalid choice: 'tpu'"),
        (["verify", "JOBS=0"], r"--jobs: must be at least 1, got 0"),
        (["notebooks", "JOBS=two"], r"--jobs: must be at least 1, got two"),
        (["serve", "PORT=http"], r"--port: must be from 1 to 65535, got http"),
        (["serve", "PORT=65536"], r"--port: must be from 1 to 65535, got 65536"),
        (["notebooks", "CHAPTER=gone"], r"_toc.yml lists no chapter called gone; it lists small"),
        (["new-chapter"], r"name of a chapter is ''; .* such as graph-networks"),
        (["new-chapter", "NAME="], r"name of a chapter is ''; .* such as graph-networks"),
        (
            ["new-question"],
            r"give the name of the question: make new-question NAME=blocks.two-steps",
        ),
        (["check-questions", "SEEDS=0"], r"--seeds: must be at least 1, got 0"),
        (["check-questions", "PRIVATE=gone"], r"gone: there is no such folder of exercises"),
        (["grade"], r"SUBMISSIONS: .*: make grade SUBMISSIONS=folder-or-zip, "),
        (["grade", "SUBMISSIONS=x", "JOBS=0"], r"--jobs: .*0"),
        (["grade", "SUBMISSIONS=x", "DEADLINE=tonight"], r"--deadline: .*tonight"),
        (["test-versions", "VERSIONS=oldest"], r"invalid choice: 'oldest' \(choose .*newest"),
        (["test-versions"], r"invalid choice: '' \(choose .*newest"),
        (["report"], r"name the folder"),
    ],
)
def test_what_a_command_is_given_is_checked(makefile: Path, typed: list[str], said: str) -> None:
    """The real commands, on a small book: one line that says what is wrong, and no traceback."""
    for name in ("python", "editions", "grader"):
        program = makefile / ".venv" / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {BIN / name} "$@"\n')
    shutil.copyfile(ROOT / "_config.yml", makefile / "_config.yml")
    shutil.copyfile(ROOT / "tests" / "versions.py", makefile / "tests" / "versions.py")
    (makefile / "_toc.yml").write_text("format: jb-book\nroot: book/small\n")
    (makefile / "book").mkdir()
    shutil.copyfile(ROOT / "book" / "blocks.md", makefile / "book" / "small.md")
    done = subprocess.run(
        ["make", *typed], cwd=makefile, capture_output=True, text=True, timeout=300, check=False,
        env={"PATH": os.environ["PATH"], "NAME": "A-COMPUTER"},
    )  # fmt: skip
    assert done.returncode == 2
    assert re.search(said, done.stderr) and "Traceback" not in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) <= 3


ODD = 'it\'s; $HOME `x` "y" #z'


@pytest.mark.parametrize(
    ("typed", "ran"),
    [
        (["notebooks", f"CHAPTER={ODD}"], f"editions notebooks --device=cpu -- {ODD}"),
        (["notebooks", "CHAPTER=a b", f"JOBS={ODD}"],
         f"editions notebooks --device=cpu --jobs={ODD} -- a b"),
        (["notebooks", "CHAPTER=--force"], "editions notebooks --device=cpu -- --force"),
        (["new-chapter", f"NAME={ODD}", f"TITLE={ODD}"],
         f"editions new-chapter --title={ODD} -- {ODD}"),
        (["exercises", f"PRIVATE={ODD}", "CHAPTER=a"], f"editions exercises --private={ODD} -- a"),
        (["exercises", f"SOLUTIONS_FROM={ODD}"], f"editions exercises --solutions-from={ODD}"),
        (["solutions", f"PRIVATE={ODD}"], f"editions solutions --private={ODD}"),
        (["new-question", f"NAME={ODD}", f"TITLE={ODD}", f"PRIVATE={ODD}"],
         f"editions new-question --title={ODD} --private={ODD} -- {ODD}"),
        (["check-questions", "CHAPTER=a b", f"PRIVATE={ODD}", f"SEEDS={ODD}"],
         f"editions check-questions --private={ODD} --seeds={ODD} -- a b"),
        (["grade", f"SUBMISSIONS={ODD}", f"CHAPTER={ODD}", f"PRIVATE={ODD}"],
         f"grader grade --chapter={ODD} --private={ODD} -- {ODD}"),
        (["grade", "SUBMISSIONS=a b", f"ROSTER={ODD}", f"DEADLINE={ODD}"],
         f"grader grade --roster={ODD} --deadline={ODD} -- a b"),
        (["serve", f"PORT={ODD}"], f"editions serve --port={ODD}"),
        (["serve"], "editions serve"),
        (["exercises", "TORCH_INDEX=x", "CONSTRAINTS=requirements.txt", "TEXT=1", "MOVED=x"],
         "editions exercises"),  # every setting is known to every target
    ],
)  # fmt: skip
def test_what_was_typed_arrives_as_it_is(makefile: Path, typed: list[str], ran: str) -> None:
    """No word of it is the shell's, or make's, or an option."""
    assert make(makefile, *typed) == (0, [f".venv {ran}"])


def test_what_the_code_or_make_itself_reads_may_be_typed(makefile: Path) -> None:
    code = [path for one in ("d2lcompute", "book/_ext", "exercises") for path in ROOT.glob(one)]
    texts = [path.read_text("utf8") for folder in code for path in folder.rglob("*.py")]
    read = {name for text in texts for name in re.findall(r"\bD2L_[A-Z_]*[A-Z]\b", text)}
    assert {"D2L_CHROMIUM", "D2L_JUDGED_SEEDS", "D2L_PRIVATE_EXERCISES"} <= read
    typed = [*(f"{name}={ODD}" for name in sorted(read)), "SHELL=/bin/sh", "MAKE=make"]
    for one in (*typed, "MAKEFLAGS=-s"):
        assert make(makefile, "serve", one) == (0, [".venv editions serve"]), one
    # A make around ours passes on what was typed for itself.
    (makefile / "around.mk").write_text("all: ; @$(MAKE) -f Makefile serve\n")
    assert make(makefile, "-f", "around.mk", "CLASS=mine") == (0, [".venv editions serve"])


def test_a_false_test_fails_the_step(tmp_path: Path) -> None:
    """The last step, under this project's settings; finding no test is a failure, too."""

    def run(text: str) -> int:
        (tmp_path / "test_it.py").write_text(text)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path)]
        return subprocess.run(
            [*command, *settings, str(tmp_path)], capture_output=True, check=False, timeout=300
        ).returncode

    assert run("def test_it(): assert 1\n") == 0
    assert run("def test_it(): assert 0\n") == 1
    assert run("import gone\n") != 0
    assert run("x = 1\n") != 0


@pytest.mark.frameworks("pytorch", "tensorflow")
def test_a_gpu_in_one_command(makefile: Path) -> None:
    """Each framework in its own environment, one after the other; the second runs in any case."""
    for framework in ("pytorch", "tensorflow"):
        environment = makefile / f".venv-gpu-{framework}"
        shutil.copytree(makefile / ".venv", environment)
        for program in (environment / "bin").iterdir():
            program.write_text(program.read_text().replace('".venv ', f'"{environment.name} '))
    status, ran = make(makefile, "test-gpu")
    verify = [
        f".venv-gpu-{framework} editions verify --device=gpu --framework={framework}"
        for framework in ("pytorch", "tensorflow")
    ]
    assert (status, ran) == (0, verify)
    assert make(makefile, "test-gpu", "FRAMEWORK=tensorflow")[1] == verify[1:]
    status, ran = make(makefile, "test-gpu", fails="pytorch")
    assert status != 0 and len(ran) == 2
    assert make(makefile, "notebooks", "DEVICE=gpu", "CHAPTER=blocks")[1] == [
        f".venv-gpu-{framework} editions notebooks --device=gpu --framework={framework} -- blocks"
        for framework in ("pytorch", "tensorflow")
    ]


@pytest.mark.parametrize(
    ("framework", "other"), [("pytorch", "tensorflow"), ("tensorflow", "torch")]
)
def test_a_gpu_environment_holds_one_framework(makefile: Path, framework: str, other: str) -> None:
    environment = makefile / f".venv-gpu-{framework}"
    shutil.copytree(makefile / ".venv", environment)
    (environment / "full").unlink()
    status, ran = make(makefile, "test-gpu", f"FRAMEWORK={framework}")
    (install,) = [line for line in ran if "pip install" in line]
    assert status == 0
    extras = re.search(r"\.\[(.*)\]", install)[1].split(",")
    assert other not in extras and framework.replace("pyt", "t") in extras
    assert ("cuda" in extras) == (framework == "tensorflow")
    assert "--constraint requirements.txt" in install


def test_other_versions_are_installed_elsewhere(makefile: Path) -> None:
    (makefile / ".venv-newest" / "full").unlink()
    (makefile / "_build").mkdir()
    (makefile / "_build" / "newest.txt").touch()
    status, ran = make(makefile, "test-versions", "VERSIONS=newest")
    assert status == 0
    assert ran[0] == ".venv python tests/versions.py newest _build/newest.txt"
    assert any("pip install" in line and "--constraint _build/newest.txt" in line for line in ran)
    assert all(line.startswith(".venv-newest ") for line in ran[1:])
    assert any(line.startswith(".venv-newest python -m pytest tests ") for line in ran)
    assert make(makefile, "test-versions")[0] != 0
