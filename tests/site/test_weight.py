"""How much a page weighs, and that it asks nothing of anyone else."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from left_out import EXAMPLE
from site_tools import Site, Visit, build, serve

Open = Callable[..., Visit]
ROOT = Path(__file__).parents[2]
LIMIT = 250 * 1024
BEFORE = 76_456  # bytes of scripts and styles of a chapter when its questions only unfolded
CHAPTER, EXERCISES = f"book/{EXAMPLE}.html", f"book/{EXAMPLE}-exercises.html"

SAMPLE = r"""# Everything a chapter may hold

Inline $\mathbf{h}^{(l)} = \phi(\mathbf{W}^{(l)} \mathbf{h}^{(l-1)})$, and displayed:

```{math}
\begin{aligned}
\mathcal{L}(\theta) &= \frac{1}{n}\sum_{i=1}^{n}
 \left\| \int_0^1 f_\theta(x_i, t)\,dt - y_i \right\|_2^2
 + \lambda \sqrt{\sum_j \theta_j^2} + \mathbb{E}_{z \sim \mathcal{N}(0, I)}\left[\log p(z)\right] \\
\nabla_\theta \mathcal{L} &=
 \begin{pmatrix} \partial_1 & \cdots & \partial_d \end{pmatrix}^\top \mathcal{L}
\end{aligned}
```

| a | table | with | many | columns | that | do | not | fit | on | a | phone |
|---|---|---|---|---|---|---|---|---|---|---|---|
| one | two | three | four | five | six | seven | eight | nine | ten | eleven | twelve |

:::{note}
A note.
:::

:::{tip}
A tip.
:::

:::{warning}
A warning.
:::

:::{important}
Important.
:::

:::{admonition} History
:class: history
Then.
:::

:::{dropdown} More
Folded, with $x^2$.
:::

::::{quiz} Which?
- [x] This.

  Right: $a = b$.
- [ ] That.

  Not so.
::::

```python
print("a line that is too long for a phone, and for most desks as well", "and then some more of it")
```
"""


def pages_of_each_kind(site: Site) -> list[str]:
    """Every page, but one alone of the pages of exercises."""
    return [one for one in site.pages() if not one.endswith("-exercises.html") or one == EXERCISES]


def weigh(visit: Visit, page: str) -> int:
    """The bytes that a page and all it asks for took on the wire, but for figures."""
    sent = visit.site.sent
    sent.clear()
    visit.go(page)
    visit.page.wait_for_load_state("networkidle")
    pictures = (".png", ".jpg", "_images/")
    return sum(size for path, size in sent.items() if not any(part in path for part in pictures))


def test_a_page_weighs_at_most_250_kib(
    visit: Open, site: Site, record_property: Callable[[str, object], None]
) -> None:
    weights = {}
    for page in pages_of_each_kind(site):
        weights[page] = weigh(visit(), page)
        print(f"{page}: {weights[page] / 1024:.1f} KiB, {len(site.sent)} requests")
        assert 0 < weights[page] <= LIMIT, (page, site.sent)
    # The other pages of exercises ask for the same as this one.
    asked = weights[EXERCISES] - on_the_wire(site, EXERCISES)
    for page in set(site.pages()) - set(weights):
        weights[page] = asked + on_the_wire(site, page)
        assert asked < weights[page] <= LIMIT, page
    for page, total in weights.items():
        record_property(page, total)


def test_scripts_and_styles_of_a_chapter_stay_light(visit: Open) -> None:
    """What pages that answer added to a page that is only read: 10 KiB at most."""
    reader = visit()
    weigh(reader, CHAPTER)
    code = {path: size for path, size in reader.site.sent.items() if path.endswith((".js", ".css"))}
    print(f"{CHAPTER}: {sum(code.values())} bytes of scripts and styles")
    assert any(path.endswith("questions.js") for path in code)
    assert sum(code.values()) <= BEFORE + 10 * 1024, code


def on_the_wire(site: Site, page: str) -> int:
    """The bytes of a page without all it asks for."""
    with urlopen(site.address + page) as reply:
        return len(reply.read())


def test_too_much_weight_is_found(visit: Open, browser: object, copy: Site) -> None:
    with (copy.folder / "_static" / "editions.css").open("ab") as styles:
        styles.write(b"/*" + os.urandom(LIMIT).hex().encode() + b"*/")
    reader = Visit(browser, copy)
    assert weigh(reader, "book/index.html") > LIMIT
    reader.close()


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ('<script src="https://cdn.example.org/x.js"></script>', "asks another host"),
        ('<link rel="stylesheet" href="../_static/none.css">', "404"),
        ("<script>console.error('oh')</script>", "error: oh"),
        ("<script>throw new Error('ah')</script>", "script: "),
    ],
)
def test_complaints_are_heard(browser: object, copy: Site, fault: str, complaint: str) -> None:
    page = copy.folder / "book" / "index.html"
    page.write_text(page.read_text("utf8").replace("</head>", f"{fault}</head>"), "utf8")
    reader = Visit(browser, copy, "book/index.html")
    reader.page.wait_for_load_state("networkidle")
    assert any(one.startswith(complaint) for one in reader.complaints)
    reader.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_work_from_files(visit: Open, site: Site, scheme: str) -> None:
    reader = visit(local=True, scheme=scheme)
    every = pages_of_each_kind(site)
    for page in every if scheme == "light" else [CHAPTER, EXERCISES, "book/index.html"]:
        reader.go(page)
        assert reader.page.locator("h1").first.is_visible(), page


# -- mathematics, tables, notes: whether or not a chapter has them today -------------------------


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of one page that holds everything, with this project's settings."""
    root = tmp_path_factory.mktemp("sample") / "project"
    for part in ("book/_ext", "book/theme"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("_config.yml", "requirements.txt", "book/references.bib"):
        shutil.copyfile(ROOT / part, root / part)
    for package in ("d2lcompute", "exercises/d2lexercises"):
        (root / package).mkdir(parents=True)
        (root / package / "__init__.py").touch()
    config = root / "_config.yml"  # which serves no wheel: there is no package
    text = re.sub(
        "editions_install_from: .*", "editions_install_from: git", config.read_text("utf8")
    )
    config.write_text(text, "utf8")
    (root / "book" / "sample.md").write_text(SAMPLE, "utf8")
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/sample\n", "utf8")
    with serve(build(root, root.parent)) as served:
        yield served


@pytest.fixture
def open_sample(browser: object, sample: Site) -> Iterator[Open]:
    visits: list[Visit] = []

    def open_page(**options: object) -> Visit:
        visits.append(Visit(browser, sample, "book/sample.html", **options))
        return visits[-1]

    yield open_page
    complaints = [complaint for one in visits for complaint in one.complaints]
    for one in visits:
        one.close()
    assert complaints == []


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("scripts", [False, True])
def test_mathematics_comes_from_the_site(open_sample: Open, local: bool, scripts: bool) -> None:
    reader = open_sample(local=local, scripts=scripts)
    reader.page.wait_for_load_state("networkidle")
    assert reader.page.locator("article .katex-html").count() >= 2
    assert reader.page.locator("article .katex math").count() >= 2  # for screen readers
    assert reader.page.locator("article .katex-error").count() == 0
    fonts = {url.rpartition("/")[2] for url in reader.requests if "KaTeX" in url}
    assert {"KaTeX_Math-Italic.woff2", "KaTeX_Main-Regular.woff2"} <= fonts
    if scripts:
        assert reader.evaluate("[...document.fonts].every((font) => font.status !== 'error')")


def test_no_line_begins_with_a_comma(open_sample: Open) -> None:
    end, comma = open_sample().evaluate(
        """() => {
          const formula = document.querySelector('article p .math');
          formula.parentElement.style.width = 'min-content';  // lines end wherever they may
          const range = document.createRange();
          const at = formula.nextSibling.data.indexOf(',');
          range.setStart(formula.nextSibling, at);
          range.setEnd(formula.nextSibling, at + 1);
          return [formula, range].map((one) => one.getBoundingClientRect())
            .map((box) => [box.top, box.bottom]);
        }"""
    )
    assert comma[0] < end[1] and end[0] < comma[1]


def test_a_page_with_mathematics_is_light(open_sample: Open) -> None:
    reader = open_sample()
    total = weigh(reader, "book/sample.html")
    print(f"sample: {total / 1024:.1f} KiB, {len(reader.site.sent)} requests")
    assert total <= LIMIT


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_everything_is_reachable_and_fits(open_sample: Open, width: int, scheme: str) -> None:
    from test_pages import blank_icons, too_wide, violations

    reader = open_sample(width=width, scheme=scheme)
    assert violations(reader) == []
    assert too_wide(reader) <= 0
    assert blank_icons(reader, reader.site.folder) == []
