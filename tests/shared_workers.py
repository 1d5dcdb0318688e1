"""Which tests run in the same worker of pytest-xdist, because they share something expensive."""

from __future__ import annotations

import pytest


def group_of(item: pytest.Item) -> str:
    return item.nodeid
