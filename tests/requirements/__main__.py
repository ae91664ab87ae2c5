"""`make requirements`: writes docs/requirements.md from the markers of the tests."""

from __future__ import annotations

from tests.requirements.page import PAGE, ROOT, page

if __name__ == "__main__":
    PAGE.write_text(page(ROOT), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
