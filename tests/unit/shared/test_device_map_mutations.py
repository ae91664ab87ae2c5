"""Whatever a person or an editor does to a good map: it loads, or every problem is told; nothing else is raised."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from genba_shared.device_map import load_device_map
from genba_shared.errors import ConfigError
from tests.unit.shared.map_mutations import MUTATORS, Mutation, mutations_of

EXAMPLES: Final = sorted(Path(__file__).parents[3].joinpath("examples").glob("*.yaml"))
OF_A_KIND_IN_A_FILE: Final = max(2, 14 // len(EXAMPLES))
GOOD = Path(__file__).parents[3].joinpath("examples", "garment-line.yaml").read_text(encoding="utf-8")
WORDS = [match.span() for match in re.finditer(r"[^\s{}\[\],:#]+|[{}\[\],:#]", GOOD)]
LINES = GOOD.splitlines(keepends=True)
TROUBLE = """
~ null {} [] [[]] {a: b} *a &a << ? | > !x !secret '-' "" 010 1_0 0x1 12:30 1e9 .inf -1 0 65536 4.5 yes on true
99999999999999999999999999 40101.3 400000 x/y / // :: ns=1;s=a nsu=a;i=b a/good SEW-1/good gate sewing_plc dispatch tags
5m 5min 1/h 3dB -1dBm ^( [::1]:1 opc.tcp://x mqtt:// \\ % @ ` 字 🏭
"""
ODD = st.sampled_from(TROUBLE.split())
WORD = st.one_of(ODD, st.text(max_size=12), st.sampled_from([GOOD[start:end] for start, end in WORDS]))


def mutations(kind: str) -> list[tuple[Path, Mutation]]:
    """Mistakes of one kind over all examples: some in each file, always the same ones."""
    chance = random.Random(20_260_105)
    made: list[tuple[Path, Mutation]] = []
    for path in EXAMPLES:
        found = list(mutations_of(path.read_text(encoding="utf-8"), kind))
        made += [(path, one) for one in chance.sample(found, min(OF_A_KIND_IN_A_FILE, len(found)))]
    return made


@pytest.mark.usefixtures("_secrets_of_the_examples")
@pytest.mark.parametrize("kind", MUTATORS)
def test_a_mistake_gives_an_error_on_its_own_line(kind: str) -> None:
    for path, mutation in mutations(kind):
        with pytest.raises(ConfigError) as raised:
            load_device_map(path, text=mutation.text)
        lines = {problem.line for problem in raised.value.problems if not problem.warning}
        assert lines & mutation.lines, f"{path.name}: line {mutation.lines} is wrong; told:\n{raised.value}"


def test_more_than_two_hundred_mistakes_are_made_in_all_examples() -> None:
    made = [one for kind in MUTATORS for one in mutations(kind)]
    assert len({mutation.text for _, mutation in made}) >= 200
    assert {path for path, _ in made} == set(EXAMPLES)


def load_or_tell(text: str) -> None:
    """Load, or raise nothing but ConfigError with at least one error in it that has a fix."""
    try:
        load_device_map(Path("plant.yaml"), text=text)
    except ConfigError as exc:
        errors = [problem for problem in exc.problems if not problem.warning]
        assert errors
        assert all(problem.message and problem.fix for problem in errors)
        str(exc).encode()


@settings(max_examples=150, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, len(WORDS) - 1), WORD), min_size=1, max_size=4))
def test_replaced_words_raise_nothing_but_config_errors(changes: list[tuple[int, str]]) -> None:
    text = GOOD
    for index, word in sorted(changes, reverse=True, key=lambda change: change[0]):
        start, end = WORDS[index]
        text = text[:start] + word + text[end:]
    load_or_tell(text)


@settings(max_examples=60, deadline=None)
@given(
    moves=st.lists(
        st.tuples(st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "double", "indent", "outdent", "swap"])),
        min_size=1,
        max_size=5,
    )
)
def test_moved_lines_raise_nothing_but_config_errors(moves: list[tuple[int, str]]) -> None:
    lines = list(LINES)
    for index, move in moves:
        line = lines[index]
        other = (index + 1) % len(lines)
        match move:
            case "drop":
                lines[index] = ""
            case "double":
                lines[index] = line + line
            case "indent":
                lines[index] = "  " + line
            case "outdent":
                lines[index] = line.removeprefix("  ")
            case _:
                lines[index], lines[other] = lines[other], line
    load_or_tell("".join(lines))


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=200))
@example(text='"\\UFFFFFFFF"')
@example(text='a: "\\ud800"')
@example(text="%YAML 99999999999999999999999999999999999.1\n---\na: 1")
@example(text="? [a, b]\n: c")
@example(text="? {a: b}\n: c")
@example(text="version: 1\n? &a [x]\n: *a")
@example(text="[" * 5000)
@example(text="a:\n" * 3000)
@example(text="{" * 3000 + "}" * 3000)
def test_any_text_raises_nothing_but_config_errors(text: str) -> None:
    load_or_tell(text)
