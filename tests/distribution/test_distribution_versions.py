"""Installing the package moves nothing that was there before."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from distribution_tools import ROOT, Environment, closure, run, with_metadata
from editions.base.project import Project

# Older than what requirements.txt pins: the oldest that has wheels for the Python that runs this.
OLD = {
    (3, 11): ("numpy==2.0.2", "matplotlib==3.9.4"),
    (3, 12): ("numpy==2.0.2", "matplotlib==3.9.4"),
    (3, 13): ("numpy==2.1.3", "matplotlib==3.9.4"),
}[sys.version_info[:2]]


def test_older_libraries_stay_and_serve(wheel: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "environment", sys.executable)
    environment.pip("install", "--quiet", *OLD)
    before = environment.pip("freeze").splitlines()
    assert set(OLD) <= set(before)
    environment.pip("install", "--quiet", wheel)
    after = environment.pip("freeze").splitlines()
    assert [line for line in after if not line.startswith("d2lcompute")] == before
    assert len(after) == len(before) + 1
    plot = "from d2lcompute.plotting import plot; plot([1, 2, 3], [[1, 4, 9]], legend=['squares'])"
    run(environment.python, "-c", plot, PWD=str(tmp_path), MPLBACKEND="Agg")


FRAMEWORKS = Project(ROOT).frameworks
EXTRAS = ",".join(extra for framework in FRAMEWORKS for extra in framework.extras)


@pytest.mark.parametrize("extra", ["", f"[{EXTRAS}]"])
def test_beside_the_frameworks_it_alone_is_installed(
    extra: str, wheel: Path, looked_at: Environment
) -> None:
    packages = {name for framework in FRAMEWORKS for name in framework.packages}
    assert {"numpy", "matplotlib"} < packages <= set(looked_at.versions())
    assert set(looked_at.would_install(f"{wheel}{extra}")) == {"d2lcompute"}


def test_a_package_that_would_move_numpy_is_found_out(
    wheel: Path, looked_at: Environment, tmp_path: Path
) -> None:
    mine = looked_at.versions()["numpy"]
    moving = with_metadata(
        wheel, tmp_path, r"Requires-Dist: numpy>=[\d.]+", f"Requires-Dist: numpy!={mine}"
    )
    assert "numpy" in looked_at.would_install(moving)


TOMORROW = "3.14"  # newer than what TensorFlow supports; Colab may have it first


def would_get(wheel: Path, folder: Path, extra: str = "") -> set[str]:
    """What pip's resolver takes for the wheel on tomorrow's Python; empty if it refuses the wheel.

    `pip install` compares with that Python the tags of wheels, `pip download` their metadata.
    """
    pip = (sys.executable, "-m", "pip")
    there = ("--python-version", TOMORROW, "--only-binary=:all:", "--quiet")
    taken = run(*pip, "download", "--no-deps", *there, "--dest", folder, wheel, check=False)
    if taken.returncode:
        assert "requires a different Python" in taken.stderr, taken.stderr
        return set()
    report = folder / "report.json"
    target = ("--dry-run", "--report", report, "--target", folder / "none")
    run(*pip, "install", *there, *target, f"{wheel}{extra}")
    return {one["metadata"]["name"] for one in json.loads(report.read_text("utf8"))["install"]}


def test_tomorrows_python_gets_what_needs_no_tensorflow(wheel: Path, tmp_path: Path) -> None:
    found = would_get(wheel, tmp_path, "[live]")
    assert {"d2lcompute", "numpy", "matplotlib", "ipykernel"} <= {name.lower() for name in found}


def test_a_wheel_that_shuts_out_tomorrows_python_is_found_out(wheel: Path, tmp_path: Path) -> None:
    older = with_metadata(
        wheel, tmp_path, "Requires-Python: >=3.11", f"Requires-Python: >=3.11,<{TOMORROW}"
    )
    assert would_get(older, tmp_path) == set()


def test_what_an_extra_brings_belongs_to_what_asked_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = {
        "made-up-network": "Requires-Dist: made-up-toolkit[cards]",
        "made-up-toolkit": 'Requires-Dist: made-up-cards; extra == "cards"\n'
        'Requires-Dist: made-up-cables; extra == "cables"',
        "made-up-cards": "",
        "made-up-cables": "",
    }
    for name, line in needs.items():
        folder = tmp_path / f"{name.replace('-', '_')}-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: 1\n{line}\n", "utf8")
    monkeypatch.syspath_prepend(tmp_path)
    assert closure(["made-up-network"]) == set(needs) - {"made-up-cables"}
