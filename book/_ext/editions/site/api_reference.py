"""The reference of the packages comes from their own source, read without what they import.

AutoAPI reads the packages with astroid, which follows imports: into NumPy, Matplotlib and the
frameworks too, where they are installed. That takes longer than all else, and nothing on a page
depends on it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from astroid.exceptions import AstroidImportError
from astroid.manager import AstroidManager
from sphinx.application import Sphinx
from sphinx.config import Config

_follow = AstroidManager.ast_from_module_name


def register(app: Sphinx) -> None:
    """Follow imports only into the packages of the reference and Python's own modules."""
    app.connect("config-inited", _follow_own)


def _follow_own(app: Sphinx, config: Config) -> None:
    documented = {Path(folder).name for folder in getattr(config, "autoapi_dirs", ())}
    followed = documented | {"builtins", *sys.stdlib_module_names}

    def follow(self: AstroidManager, modname: str, *more: Any, **named: Any) -> Any:
        if modname and modname.partition(".")[0] not in followed:
            raise AstroidImportError("it is not part of the reference", modname=modname)
        return _follow(self, modname, *more, **named)

    AstroidManager.ast_from_module_name = follow
