"""The catalogue against the source that says the texts, and against every wrong map that we keep."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from genba_shared.device_map import load_device_map
from genba_shared.device_map.folder import MAX_FILES
from genba_shared.errors import ConfigError
from genba_shared.texts import OTHER, Language, Text, render
from genba_shared.texts.areas.beside import BESIDE
from genba_shared.texts.catalogue import AREAS, ENTRIES
from genba_shared.texts.entry import Message
from genba_shared.texts.help_page import HELP_PAGE, MESSAGES, markdown
from genba_shared.texts.scan import Said, said_in
from tests.golden.regenerate import MAPS, problems_of

ROOT = Path(__file__).parents[3]
SAID = [said for package in ("genba_shared", "genba_edge") for said in said_in(package)]
CASES = sorted(MAPS.iterdir())
OF_THE_WHOLE_FILE = {"file-unreadable", "file-too-large", "not-utf-8"}
OF_A_FOLDER = {"folder-unreadable", "folder-without-map", "not-named-yaml", "said-in-two-files", "too-many-files"}
QUOTED_IN_ENGLISH = ("parser_says", "system_says")  # what a library or the system said
SNIPPETS = ("word", "snippet", "example", "label", "key", "other")  # what stands in a map, or may be written there
STILL_PLAIN: frozenset[str] = frozenset()  # files of the device map whose newest messages are English only so far
PROSE = frozenset(
    {"allowed", "elsewhere", "fix", "later", "name", "not_yet", "what"}
)  # keywords that take words for people


def _places(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def _english() -> dict[str, set[str]]:
    templates: dict[str, set[str]] = defaultdict(set)
    for said in SAID:
        templates[said.code].add(said.template)
    return templates


def test_a_code_has_one_english_template() -> None:
    assert {code: texts for code, texts in _english().items() if len(texts) > 1} == {}


def test_codes_are_words_with_dashes() -> None:
    assert [said for said in SAID if not re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", said.code)] == []
    assert OTHER not in ENTRIES


def test_every_text_is_translated() -> None:
    assert [said for said in SAID if said.code not in ENTRIES] == []


def test_every_translation_is_said_somewhere() -> None:
    assert sorted(set(ENTRIES) - {said.code for said in SAID}) == []


def test_a_code_stands_in_one_area() -> None:
    assert sum(len(area) for area in AREAS) == len(ENTRIES)


@pytest.mark.parametrize("said", {said.code: said for said in SAID}.values(), ids=lambda said: said.code)
def test_translations_have_the_places_of_the_english_text(said: Said) -> None:
    needed = {place for place in _places(said.template) if not place.startswith("english_")}
    entry = ENTRIES[said.code]
    assert (_places(entry.zh), _places(entry.ja)) == (needed, needed)


def test_what_is_said_as_a_message_has_an_entry_on_the_help_page() -> None:
    found = {problem.code for case in CASES for problem in problems_of(case)}
    assert sorted(found - set(MESSAGES)) == []
    assert all(entry.why.endswith(".") and entry.do.endswith(".") for entry in MESSAGES.values())
    assert set(MESSAGES) == {code for code, entry in ENTRIES.items() if isinstance(entry, Message)}


def test_every_message_is_shown_by_a_golden_map_or_concerns_files() -> None:
    found = {problem.code for case in CASES for problem in problems_of(case)}
    assert set(MESSAGES) - found - set(BESIDE) == OF_THE_WHOLE_FILE | OF_A_FOLDER


def test_messages_of_the_whole_file_have_their_codes(tmp_path: Path) -> None:
    (tmp_path / "gbk.yaml").write_bytes("label: 裁断".encode("gbk"))
    (tmp_path / "large.yaml").write_bytes(b"#" * 1_000_001)
    assert {code for name in ("gbk", "large", "none") for code in codes_of(tmp_path / f"{name}.yaml")} == (
        OF_THE_WHOLE_FILE
    )


def test_messages_of_a_folder_have_their_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders: dict[str, list[str]] = {
        "empty": [],
        "misnamed": ["a.yml"],
        "many": [f"{number}.yaml" for number in range(MAX_FILES + 1)],
        "twice": ["a.yaml", "b.yaml"],
    }
    for folder, names in folders.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_text("version: 1\ngateway: {id: gw-1, site: site-a}\n")
    codes = {code for folder in folders for code in codes_of(tmp_path / folder)}
    monkeypatch.setattr(Path, "iterdir", _refuse)
    assert codes | codes_of(tmp_path / "empty") >= OF_A_FOLDER


def _refuse(_path: Path) -> Iterator[Path]:
    raise PermissionError(13, "Permission denied")


def codes_of(path: Path) -> set[str]:
    with pytest.raises(ConfigError) as raised:
        load_device_map(path)
    return {problem.code for problem in raised.value.problems}


@pytest.fixture(scope="module")
def lines_of_codes() -> dict[str, set[str]]:
    """Code → the lines of golden maps at which it was found."""
    found: dict[str, set[str]] = defaultdict(set)
    for case in CASES:
        lines = (case / "map.yaml").read_text(encoding="utf-8").splitlines()
        for problem in problems_of(case):
            if problem.line:
                found[problem.code].add(lines[problem.line - 1].strip())
    return found


@pytest.mark.parametrize("code", [code for code, entry in MESSAGES.items() if entry.example])
def test_the_example_of_a_message_is_a_line_that_gives_it(code: str, lines_of_codes: dict[str, set[str]]) -> None:
    pattern = ".*".join(re.escape(part) for part in MESSAGES[code].example.split("…"))
    assert [line for line in lines_of_codes[code] if re.fullmatch(pattern, line)], lines_of_codes[code]


def test_the_help_page_is_that_of_the_program() -> None:
    assert (ROOT / HELP_PAGE).read_text(encoding="utf-8") == markdown()


def _inside(text: object) -> Iterator[Text]:
    if isinstance(text, Text):
        yield text
        for value in text.params.values():
            yield from _inside(value)


def _only_prose(text: Text) -> Text:
    """The text with a dot for all that is no text: keys, names, snippets, what a library said."""
    params = {name: value if isinstance(value, Text) else "·" for name, value in text.params.items()}
    return Text(text.code, "", params)


@pytest.mark.parametrize("language", [Language.CHINESE, Language.JAPANESE])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_english_is_left_in_a_translated_problem(case: Path, language: Language) -> None:
    for problem in problems_of(case):
        for text in (problem.message, problem.fix):
            if not isinstance(text, Text):
                assert STILL_PLAIN, f"{text!r} has no code"
                continue
            shown = render(_only_prose(text), language)
            assert not re.search(r"[A-Za-z]{2,}(?: [a-z]{2,}){2}", shown), shown
            assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", shown), shown


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_prose_inside_of_a_text_is_a_text(case: Path) -> None:
    params = {
        (part.code, name, value)
        for problem in problems_of(case)
        for text in (problem.message, problem.fix)
        for part in _inside(text)
        for name, value in part.params.items()
        if isinstance(value, str) and not isinstance(value, Text)
    }
    taken_as_they_are = (*QUOTED_IN_ENGLISH, *SNIPPETS)
    left = [each for each in params if each[1] not in taken_as_they_are and not each[1].startswith("english_")]
    assert [each for each in left if re.search(r"[A-Za-z]{2,} [a-z]{2,}", each[2])] == []


def test_messages_are_said_with_a_code_everywhere() -> None:
    plain = [
        f"{file.name}:{words.lineno}"
        for file in sorted((ROOT / "shared" / "genba_shared" / "device_map").rglob("*.py"))
        if file.name not in STILL_PLAIN
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for words in _words_for_people(node)
        if _is_sentence(words)
    ]
    assert plain == []


def _words_for_people(call: ast.Call) -> Iterator[ast.expr]:
    match call.func:
        case ast.Name(id="Wrong" | "text" | "raw") | ast.Attribute(attr="error" | "warn" | "of_file"):
            yield from call.args
    for keyword in call.keywords:
        if keyword.arg in PROSE:
            yield from keyword.value.values if isinstance(keyword.value, ast.Dict) else [keyword.value]


def _is_sentence(words: ast.expr) -> bool:
    parts = words.values if isinstance(words, ast.JoinedStr) else [words]
    return any(isinstance(part, ast.Constant) and re.search(r"[a-z] [a-z]", str(part.value)) for part in parts)


@pytest.mark.parametrize(("case", "password"), [("secret-in-url", "geheim"), ("password-in-address", "hun")])
def test_no_password_of_a_map_is_told_in_any_language(case: str, password: str) -> None:
    told = "".join(problem.render(language) for problem in problems_of(MAPS / case) for language in Language)
    assert "[secret-in-url]" in told
    assert password not in told


def test_a_text_that_is_not_a_literal_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "saying_what_it_likes"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "words.py").write_text("say(code, 'x')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match=r"words\.py:1: say\(\) takes its code and its template as literals"):
        list(said_in("saying_what_it_likes"))
