"""Codes of labels: what a person mistypes is found out, and what means the same is understood."""

from __future__ import annotations

import pytest

from genba_cloud.core.gs1 import check_prefix, code_of_link, digital_link, document_type
from genba_cloud.core.scan_codes import ALPHABET, Mistyped, read_code, shown_code, write_code


@pytest.mark.requirement(
    "R9", part="codes that nobody can guess; a scan moves its own node (how quickly is not measured)"
)
def test_a_code_is_80_bits_and_a_check_character() -> None:
    assert write_code(0) == "00000000000000000"
    assert write_code(1) == "00000000000000012"
    assert write_code(2**80 - 1) == "ZZZZZZZZZZZZZZZZM"  # worked out by hand, as a sum of powers of x
    assert {len(write_code(1 << shift)) for shift in range(80)} == {17}
    with pytest.raises(ValueError, match="80 bits"):
        write_code(2**80)


def test_a_code_that_was_written_is_read() -> None:
    for bits in (0, 1, 31, 2**79 + 12345, 0xDEADBEEF << 40):
        assert read_code(write_code(bits)) == write_code(bits)


def test_every_single_wrong_character_is_found() -> None:
    code = write_code(0x1234567890ABCDEF1234)
    for place, right in enumerate(code):
        for wrong in set(ALPHABET) - {right}:
            assert isinstance(read_code(code[:place] + wrong + code[place + 1 :]), Mistyped), (place, wrong)


def test_every_exchange_of_neighbours_is_found() -> None:
    code = write_code(0x1234567890ABCDEF1234)
    exchanged = [
        code[:place] + code[place + 1] + code[place] + code[place + 2 :]
        for place in range(16)
        if code[place] != code[place + 1]
    ]
    assert len(exchanged) > 10
    assert all(isinstance(read_code(one), Mistyped) for one in exchanged)


def test_what_means_the_same_is_understood() -> None:
    code = write_code(0x10800108001080010801)
    assert {"1", "0"} <= set(code)
    same = code.replace("1", "l", 1).replace("0", "o", 1).lower()
    for text in (
        code.lower(),
        shown_code(code),
        f"  {shown_code(code).lower()}\n",
        same,
        f"https://factory.test/q/{code}",
        f"https://factory.test/q/{code}?lang=en",
        f"HTTPS://FACTORY.TEST/253/4512345000001{code}",
    ):
        assert read_code(text) == code, text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a code has 17 letters and digits, this has 0"),
        ("K7QM", "a code has 17 letters and digits, this has 4"),
        ("00000000000000U00", "a code has only digits and letters without I, L, O and U: 'U' is wrong"),
        ("00000000000000ä00", "a code has only digits and letters without I, L, O and U: 'Ä' is wrong"),
        ("0" * 18, "a code has 17 letters and digits, this has 18"),
        ("0" * 301, "this is longer than any code: a code has 17 letters and digits"),
        ("00000000000000001", "the check character does not fit: one character is wrong, or two are exchanged"),
    ],
)
def test_what_is_no_code_says_why(text: str, reason: str) -> None:
    assert read_code(text) == Mistyped(reason=reason)


@pytest.mark.requirement("R63", part="codes in the words of GS1 where a company prefix is set")
def test_a_label_is_a_document_in_gs1_words() -> None:
    assert document_type("9501101") == "9501101000001"
    assert document_type("4006381333931"[:12]) == "4006381333931"  # a check digit that everybody knows
    code = write_code(7)
    link = digital_link("9501101", code)
    assert link == f"/253/9501101000001{code}"
    assert code_of_link(link.removeprefix("/253/")) == code


@pytest.mark.parametrize("text", ["", "123", "1234567890123", "12a4567", "１２３４５６７"])
def test_a_wrong_company_prefix_is_refused(text: str) -> None:
    assert "4 to 12 digits" in str(check_prefix(text))
    assert check_prefix("9501101") is None
