"""Fill in the project's settings on pages that are not chapters, such as the set-up page.

Such a page is a Jinja template. It can use:

- `repository` and `branch`: the address of the repository, and the branch or tag of its links;
- `site`: the address of the published site, with a slash at its end;
- `live`: whether cells can run on the pages;
- `requirement(extras, tag)`: what `pip install` is given to install the helper package;
- `frameworks`: the book's frameworks by key, as `d2lcompute._frameworks` describes them;
- `framework_names`: their names in a phrase, such as "PyTorch and TensorFlow";
- `chapters`: the names of the chapters that `_toc.yml` lists.

A line that holds only a statement, such as `{% endif %}`, leaves no empty line.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import jinja2

from editions.base.errors import SourceError
from editions.base.project import Project

_JINJA = jinja2.Environment(
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def fill_in(project: Project, text: str, path: Path, **further: Any) -> str:
    """Return the text of the page at `path` with settings, and the values in `further`, filled in.

    Raises:
        SourceError: the template cannot be read, or uses an unknown name; names the line.
    """
    values = _settings(project) | further
    try:
        return _JINJA.from_string(text).render(values)
    except jinja2.TemplateSyntaxError as error:
        raise SourceError(project.relative(path), error.lineno, f"{error.message}") from error
    except jinja2.UndefinedError as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno or 1 for frame in frames if frame.filename == "<template>"]
        allowed = ", ".join(sorted(values))
        raise SourceError(
            project.relative(path), lines[-1], f"{error.message}; allowed are: {allowed}"
        ) from error


def _settings(project: Project) -> dict[str, Any]:
    frameworks = {framework.key: framework for framework in project.frameworks}
    *others, last = [framework.title for framework in frameworks.values()]
    return {
        "repository": project.repository,
        "branch": project.branch,
        "site": project.site,
        "requirement": project.requirement,
        "live": project.live_servers is not None,
        "frameworks": frameworks,
        "framework_names": f"{', '.join(others)} and {last}" if others else last,
        "chapters": [page.stem for page in project.chapters],
    }
