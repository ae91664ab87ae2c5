"""What is remembered between commits: what was used last, and no more than there is room for."""

from __future__ import annotations

from genba_cloud.store.memory import Recent


def test_what_was_not_used_for_longest_is_forgotten() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.keep({"a": 1, "b": 2})
    assert recent.get("a") == 1
    recent.keep({"c": 3})
    assert [recent.get(name) for name in ("a", "b", "c")] == [1, None, 3]


def test_a_newer_value_takes_the_place_of_the_older_one() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.keep({"a": 1, "b": 2})
    recent.keep({"a": 3})
    recent.keep({"c": 4})
    assert [recent.get(name) for name in ("a", "b", "c")] == [3, None, 4]


def test_everything_can_be_forgotten() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.keep({"a": 1})
    recent.forget()
    assert recent.get("a") is None
