"""`requirements.txt`: the pins are read as pip reads them."""

from __future__ import annotations

from importlib import metadata

import pytest
from editions.base.errors import SourceError
from editions.base.pins import read_pins
from small_book import Book

FILE = """\
# pip-compile --generate-hashes
--index-url https://packages.example.org/simple
-r other.txt
-e .
wheels/other-1.0-py3-none-any.whl
./wheels/local-1.0-py3-none-any.whl
git+https://example.org/tool.git@v1#egg=tool
https://example.org/pack-1.0.zip

torch==2.13.0+cpu ; python_version >= "3.11"  # the CPU's build
tensorflow [and-cuda] == 2.21.0 ; sys_platform == "linux"
Ruamel.Yaml_Clib==0.2.15 \\
    --hash=sha256:0123 \\
    --hash=sha256:4567
keras == 3.12.0, != 3.11
numpy>=2
scipy==1.16.*
pandas
exact===1.0.post1
old @ https://example.org/old-1.0.zip
   indented==4 --config-settings x=y
    # a comment \\
last==5"""


def test_pins_are_exact_versions() -> None:
    assert read_pins(FILE, "requirements.txt") == {
        "torch": "2.13.0+cpu",
        "tensorflow": "2.21.0",
        "ruamel-yaml-clib": "0.2.15",
        "keras": "3.12.0",
        "exact": "1.0.post1",
        "indented": "4",
        "last": "5",
    }


def test_pins_do_not_depend_on_the_machine() -> None:
    text = 'a==1; sys_platform == "linux"\nb==2; sys_platform == "win32"\n'
    assert read_pins(text, "requirements.txt") == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a==1\n\ntorch=2.13\n", "requirements.txt:3: 'torch=2.13' is not a requirement: "),
        ("a==1 \\\n  --hash=x\nb==\n", "requirements.txt:3: 'b==' is not a requirement: "),
        ("a==1\nb c\n", "requirements.txt:2: 'b c' is not a requirement: "),
    ],
)
def test_a_mistyped_line_is_named(text: str, message: str) -> None:
    with pytest.raises(SourceError, match=f"^{message}"):
        read_pins(text, "requirements.txt")


def test_this_environment_has_what_is_pinned(book: Book) -> None:
    pins = book.project.pins
    assert pins["myst-nb"] == metadata.version("myst-nb")
    assert all(name == name.lower() and "_" not in name for name in pins)
