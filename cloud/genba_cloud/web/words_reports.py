"""Words of the pages of reports and figures: see `words`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_KEYS: Final = (("report.none", "没有", "なし", "none"),)
"""Key, Chinese, Japanese, English."""

ZH: Final[Mapping[str, str]] = {key: chinese for key, chinese, _, _ in _KEYS}
JA: Final[Mapping[str, str]] = {key: japanese for key, _, japanese, _ in _KEYS}
EN: Final[Mapping[str, str]] = {key: english for key, _, _, english in _KEYS}
