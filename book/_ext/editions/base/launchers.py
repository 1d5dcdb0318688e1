"""Launch buttons: the services that open a notebook, as Jupyter Book's `launch_buttons` name them.

A setting holds the address of a service, such as `colab_url: https://colab.research.google.com`.
An empty one switches the service off. Without the section there is a button for Colab, if the
repository is on GitHub. `kaggle_url` is not a setting of Jupyter Book.

`thebe` says where the cells of a page run, though nothing of Thebe is used: by default on a Jupyter
server that the reader has started; if it is true, also on the BinderHub and JupyterHub that are
set; if it is false, nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from editions.base.errors import EditionsError
from editions.base.settings import GITHUB, NAME, Settings

SECTION = "launch_buttons"
INTERFACES = {"classic": "tree", "jupyterlab": "lab/tree"}  # the part of an address that opens it
COLAB = "https://colab.research.google.com"


@dataclass(frozen=True)
class LaunchButton:
    """A button that opens a notebook."""

    service: str  # its name for readers
    address: str


@dataclass(frozen=True)
class Notebook:
    """A notebook in the repository, and how a Jupyter server is to open it."""

    repository: str  # address
    branch: str
    path: str  # from the repository's root
    interface: str  # the part of a Jupyter server's address

    @property
    def blob(self) -> str:
        """Where GitHub shows the notebook."""
        return f"{self.repository}/blob/{self.branch}/{quote(self.path)}"

    @property
    def on_github(self) -> str:
        """The part of `blob` behind GitHub's own address."""
        return self.blob.removeprefix("https://github.com/")


@dataclass(frozen=True)
class LiveServers:
    """Where the cells of pages run, besides a server that the reader has started."""

    binder: str = ""  # the address at which a BinderHub starts a server for this repository
    jupyterhub: str = ""  # the address of a JupyterHub


def _binder_source(repository: str, branch: str) -> str:
    """What BinderHub calls the repository."""
    if match := re.fullmatch(GITHUB, repository):
        source = f"gh/{match[1]}/{match[2]}"
    elif repository.startswith("https://gitlab.com/"):
        source = f"gl/{quote(repository.removeprefix('https://gitlab.com/'), safe='')}"
    else:
        source = f"git/{quote(repository, safe='')}"
    return f"{source}/{quote(branch, safe='')}"


def _binder(hub: str, notebook: Notebook) -> str:
    place = urlencode({"urlpath": f"{notebook.interface}/{notebook.path}"})
    return f"{hub}/v2/{_binder_source(notebook.repository, notebook.branch)}?{place}"


def _jupyterhub(hub: str, notebook: Notebook) -> str:
    """The address of nbgitpuller, which the hub must have."""
    folder = notebook.repository.rpartition("/")[2]
    query = {
        "repo": notebook.repository,
        "branch": notebook.branch,
        "urlpath": f"{notebook.interface}/{folder}/{notebook.path}",
    }
    return f"{hub}/hub/user-redirect/git-pull?{urlencode(query)}"


def _colab(host: str, notebook: Notebook) -> str:
    return f"{host}/github/{notebook.on_github}"


def _deepnote(host: str, notebook: Notebook) -> str:
    return f"{host}/launch?{urlencode({'url': notebook.blob})}"


def _kaggle(host: str, notebook: Notebook) -> str:
    return f"{host}/kernels/welcome?{urlencode({'src': notebook.blob})}"


@dataclass(frozen=True)
class _Service:
    name: str
    example: str
    address: Callable[[str, Notebook], str]
    only_github: bool = False


SERVICES = {  # in the order of the buttons
    "colab_url": _Service("Colab", COLAB, _colab, only_github=True),
    "kaggle_url": _Service("Kaggle", "https://www.kaggle.com", _kaggle, only_github=True),
    "deepnote_url": _Service("Deepnote", "https://deepnote.com", _deepnote, only_github=True),
    "binderhub_url": _Service("Binder", "https://mybinder.org", _binder),
    "jupyterhub_url": _Service("JupyterHub", "https://hub.example.edu", _jupyterhub),
}


def launch_buttons(settings: Settings, path: str) -> list[LaunchButton]:
    """The buttons that open a notebook.

    Args:
        settings: the book's settings.
        path: the notebook, from the repository's root.

    Raises:
        EditionsError: a launch button is set wrongly; says what is allowed.
    """
    hosts, interface = _checked(settings)
    notebook = Notebook(settings.repository, settings.branch, path, INTERFACES[interface])
    return [
        LaunchButton(service.name, service.address(hosts[key], notebook))
        for key, service in SERVICES.items()
        if key in hosts
    ]


def live_servers(settings: Settings) -> LiveServers | None:
    """Where the cells of pages run; None if they run nowhere.

    Raises:
        EditionsError: a launch button is set wrongly; says what is allowed.
    """
    hosts, _ = _checked(settings)
    chosen = settings.section(SECTION).get("thebe")
    if chosen is False:
        return None
    if not chosen:
        return LiveServers()
    binder = hosts.get("binderhub_url", "")
    source = _binder_source(settings.repository, settings.branch)
    return LiveServers(
        f"{binder}/build/{source}" if binder else "", hosts.get("jupyterhub_url", "")
    )


def _checked(settings: Settings) -> tuple[dict[str, str], str]:
    """The address of each service that is switched on, and the interface that Jupyter opens."""
    on_github = re.fullmatch(GITHUB, settings.repository) is not None
    _refuse_misplaced(settings)
    if SECTION not in settings.config:
        return ({"colab_url": COLAB} if on_github else {}), "classic"
    given = settings.section(SECTION)
    allowed = (*SERVICES, "notebook_interface", "thebe")
    if unknown := [key for key in given if key not in allowed]:
        raise EditionsError(
            f"{NAME}: {SECTION} has no setting {', '.join(map(str, unknown))}; allowed are "
            f"{', '.join(allowed)}"
        )
    if not isinstance(given.get("thebe"), bool | None):
        raise EditionsError(
            f"{NAME}: {SECTION}.thebe is {given['thebe']!r}; allowed are true (cells run on the "
            "BinderHub or JupyterHub that is set, too) and false (cells do not run on pages)"
        )
    interface = given.get("notebook_interface") or "classic"
    if interface not in INTERFACES:
        raise EditionsError(
            f"{NAME}: {SECTION}.notebook_interface is {interface!r}; allowed are "
            f"{' and '.join(INTERFACES)}"
        )
    hosts = {key: _host(key, given[key]) for key in SERVICES if given.get(key)}
    for key in hosts:
        if SERVICES[key].only_github and not on_github:
            raise EditionsError(
                f"{NAME}: {SECTION}.{key} is set, and {SERVICES[key].name} opens only notebooks "
                f"on GitHub; repository.url is {settings.repository}. Remove the setting; "
                "binderhub_url and jupyterhub_url open notebooks from any host"
            )
    if given.get("thebe") and not hosts.keys() & {"binderhub_url", "jupyterhub_url"}:
        raise EditionsError(
            f"{NAME}: {SECTION}.thebe is true, and there is no server to run cells on; set "
            "binderhub_url or jupyterhub_url too, or remove it (cells then run on a Jupyter server "
            "that the reader starts)"
        )
    return hosts, interface


def _refuse_misplaced(settings: Settings) -> None:
    """Refuse launch buttons in a place where nothing reads them."""
    config = settings.config
    of_sphinx = settings.section("sphinx").get("config") or {}
    theme = of_sphinx.get("html_theme_options") if isinstance(of_sphinx, dict) else None
    places = {
        f"html.{SECTION}": settings.section("html"),
        f"html_theme_options.{SECTION}": config.get("html_theme_options"),
        f"sphinx.config.html_theme_options.{SECTION}": theme,
    }
    wrong = [key for key, part in places.items() if isinstance(part, dict) and SECTION in part]
    wrong += [str(key) for key in config if re.fullmatch(r"launch\W?_?buttons?", str(key), re.I)]
    for key in wrong:
        if key != SECTION:
            raise EditionsError(f"{NAME}: {key} is read by nothing; {SECTION} stands at the top")
    path = settings.section("repository").get("path_to_book")
    if path not in (None, "", ".", "./"):
        raise EditionsError(
            f"{NAME}: repository.path_to_book is {path!r}; the book is at the root of its "
            "repository: remove the setting"
        )


_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ROOT = rf"https?://{_LABEL}(?:\.{_LABEL})*(?::\d+)?"
_ADDED = {"binderhub_url": {"v2", "build"}, "jupyterhub_url": {"hub", "user", "user-redirect"}}


def _host(key: str, given: Any) -> str:
    """The address of a service, without a slash at its end and what the buttons add to it."""
    address = given.strip().rstrip("/") if isinstance(given, str) else ""
    path = rf"(?:(?!/(?:{'|'.join(_ADDED[key])})(?:/|$))/[\w.~-]+)*" if key in _ADDED else ""
    if not re.fullmatch(_ROOT + path, address):
        raise EditionsError(
            f"{NAME}: {SECTION}.{key} is {given!r}; expected the address of the service alone, "
            f"such as {SERVICES[key].example}"
        )
    return address
