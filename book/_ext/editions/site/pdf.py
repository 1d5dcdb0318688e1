"""Print the whole book: one PDF for each framework, with an outline and links that work."""

from __future__ import annotations

import tempfile
from html import escape
from pathlib import Path

from editions.base.errors import EditionsError
from editions.base.files import write_atomically
from editions.base.project import Project
from editions.site.browser import FLAGS, browser_path
from editions.site.build import run_build

FOLDER = "pdf"  # below _build
FOOTER = (
    '<div style="width: 100%; margin: 0 16mm; font: 8px sans-serif; color: #555; display: flex;'
    ' justify-content: space-between"><span>{title}</span><span class="pageNumber"></span></div>'
)
SCALE = 0.75  # 9 pt text
STYLE = """
  [id^="document-"] { display: block; break-before: page; }
  h1, h2, h3, h4 { break-after: avoid; }
  .sd-tab-set.editions { border: 0 !important; margin: .75rem 0 !important; }
  .sd-tab-content { border: 0 !important; padding: 0 !important; }
"""
# Removes what a print does not need; makes each link lead into the print or to the published site.
PREPARE = """([framework, site]) => {
  const article = document.querySelector("article");
  for (let kept = article; kept !== document.body; kept = kept.parentElement)
    for (const other of [...kept.parentElement.children]) if (other !== kept) other.remove();
  for (const one of document.querySelectorAll(".headerlink, .chapter-launch, .chapter-links"))
    one.remove();
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  for (const panel of document.querySelectorAll(".sd-tab-content"))
    if (!panel.classList.contains(`for-${framework}`)) panel.remove();
  for (const edition of document.querySelectorAll(".chapter-edition"))
    if (edition.dataset.framework !== framework) edition.remove();
  for (const link of document.querySelectorAll("a[href]")) {
    const url = new URL(link.href);
    if (url.protocol !== "file:") continue;
    const name = decodeURIComponent(url.hash.slice(1));
    const page = url.pathname.match(/([^/]+)[.]html$/)?.[1];
    const top = page === "index" && document.querySelector("article section")?.id;
    const ids = [name, `document-book/${page}`, top];
    const id = ids.find((one) => one && document.getElementById(one));
    if (id) link.href = `#${id}`;
    else link.href = new URL(url.pathname.replace(/^.*?[/]singlehtml[/]/, ""), site).href;
  }
}"""


def print_book(project: Project) -> list[Path]:
    """Write the PDFs; return their paths.

    Raises:
        EditionsError: no browser or no Playwright is installed, or the book was not built.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        raise EditionsError("Playwright is not installed: type make pdf") from None
    browser = browser_path()
    folder, name = project.root / "_build" / FOLDER, _file_name(project)
    made = []
    with tempfile.TemporaryDirectory(prefix="d2lcompute-pdf-") as scratch:
        run_build(
            project,
            "--builder", "custom", "--custom-builder", "singlehtml", "--path-output", scratch,
        )  # fmt: skip
        site = Path(scratch, "_build", "singlehtml")
        # Sphinx writes addresses as if the one page were at the root.
        page = (site / "book" / "index.html").rename(site / "whole.html")
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
            for framework in project.frameworks:
                title = f"{project.config.get('title', '')} – {framework.title}"
                visit = chromium.new_page()
                visit.goto(f"{page.as_uri()}?framework={framework.key}", wait_until="load")
                visit.evaluate("title => { document.title = title }", title)
                visit.evaluate(PREPARE, [framework.key, project.site])
                visit.add_style_tag(content=STYLE)
                visit.evaluate("document.fonts.ready")
                data = visit.pdf(
                    format="A4",
                    scale=SCALE,
                    margin={"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"},
                    outline=True,
                    tagged=True,
                    print_background=True,
                    display_header_footer=True,
                    header_template="<span></span>",
                    footer_template=FOOTER.format(title=escape(title)),
                )
                visit.close()
                made.append(folder / f"{name}-{framework.key}.pdf")
                write_atomically(made[-1], data)
            chromium.close()
    return made


def _file_name(project: Project) -> str:
    """The book's title as a file name without its ending."""
    words = "".join(c if c.isalnum() else " " for c in str(project.config.get("title", "book")))
    return "-".join(words.lower().split()) or "book"
