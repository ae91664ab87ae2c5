"""Secrets and files beside a map: where they are looked up, and that no secret ever shows."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from genba_shared.device_map.kinds import file_path, secret_text
from genba_shared.device_map.problems import Findings, Wrong
from genba_shared.device_map.secrets import Surroundings
from genba_shared.device_map.spec import Key, ObjectSpec, Scope, keys, read_object
from genba_shared.device_map.yaml_tree import compose
from genba_shared.errors import ConfigError
from genba_shared.secret import Secret

LOGIN = ObjectSpec(
    name="a login",
    keys=keys(
        Key(name="password", kind=secret_text(), meaning="the password", example="password: !secret NAME"),
        Key(name="ca", kind=file_path("a certificate", "certs/ca.pem"), meaning="who is trusted", example="ca: …"),
        Key(name="user", kind=secret_text(), meaning="the user", example="user: !secret NAME"),
    ),
)


def read(text: str, folder: Path, *, environment: dict[str, str] | None = None) -> tuple[dict[str, object], str, str]:
    """What was taken, what was told, and what `--explain` would print."""
    findings = Findings(file="plant.yaml")
    around = Surroundings(folder=folder, environment=environment or {})
    values = read_object(compose(text, findings), LOGIN, Scope(findings=findings, around=around))
    told = "\n".join(str(problem) for problem in findings.all())
    return values.taken, told, "\n".join(f"{setting.path} {setting.value}" for setting in findings.settings)


def write_secrets(folder: Path, text: str, *, mode: int = 0o600) -> None:
    path = folder / "secrets.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def test_a_secret_comes_from_the_file_beside_the_map(tmp_path: Path) -> None:
    write_secrets(tmp_path, "cutter1_pw: 'open sesame'\n")
    taken, told, explained = read("password: !secret cutter1_pw", tmp_path)
    assert (taken["password"], told, explained) == (Secret("open sesame"), "", "password (secret)")


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    write_secrets(tmp_path, "cutter1-pw: 'from the file'\n")
    taken, told, _ = read(
        "password: !secret cutter1-pw", tmp_path, environment={"GENBA_SECRET_CUTTER1_PW": "from outside"}
    )
    assert (taken["password"], told) == (Secret("from outside"), "")


def test_a_missing_secret_names_both_places(tmp_path: Path) -> None:
    _, told, _ = read("password: !secret cutter1_pw", tmp_path)
    assert told == (
        "plant.yaml:1:11  password\n"
        f"  the secret 'cutter1_pw' is neither in {tmp_path}/secrets.yaml nor in the environment as "
        "GENBA_SECRET_CUTTER1_PW.\n"
        "  Add cutter1_pw: '…' to secrets.yaml (chmod 600), or set GENBA_SECRET_CUTTER1_PW."
    )


def test_a_misspelt_secret_is_offered_its_name(tmp_path: Path) -> None:
    write_secrets(tmp_path, "cutter1_pw: 'open sesame'\n")
    _, told, _ = read("password: !secret cuter1_pw", tmp_path)
    assert "Did you mean 'cutter1_pw'?" in told


def test_a_password_in_the_map_is_refused_and_not_repeated(tmp_path: Path) -> None:
    _, told, _ = read("password: hunter2", tmp_path)
    assert "hunter2" not in told
    assert told.endswith("Write password: !secret NAME.")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_secrets_that_others_may_read_are_refused_once(tmp_path: Path, mode: int) -> None:
    write_secrets(tmp_path, "a: 'open sesame'\n", mode=mode)
    _, told, _ = read("{password: !secret a, user: !secret a}", tmp_path)
    assert told == (
        f"{tmp_path}/secrets.yaml\n  other users may read the secrets (mode {mode:04o}).\n"
        f"  Run chmod 600 {tmp_path}/secrets.yaml."
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 'x'\nb: hunter2: x\n", 2),
        ("a: *hunter2\n", 1),
        ("a: 'x'\nb: 0715\n", 2),
        ("a: hunter2 #3\n", 1),
        ("a: 'x'\na: 'hunter2'\n", 2),
        ("a: [hunter2]\n", 1),
        ("a: !hunter2 x\n", 1),
        ("a: ''\n", 1),
        ("not a name: 'hunter2'\n", 1),
        ("a: 'hunter2\n", 2),
    ],
)
def test_a_mistake_in_the_secrets_is_told_by_line_without_its_text(tmp_path: Path, text: str, line: int) -> None:
    write_secrets(tmp_path, text)
    _, told, _ = read("password: !secret missing", tmp_path)
    assert told.startswith(f"{tmp_path}/secrets.yaml:{line}:1\n")
    assert "hunter2" not in told
    assert "0715" not in told


def test_a_list_of_secrets_is_refused(tmp_path: Path) -> None:
    write_secrets(tmp_path, "- hunter2\n")
    _, told, _ = read("password: !secret a", tmp_path)
    assert "the file holds no secrets" in told
    assert "hunter2" not in told


def test_a_file_is_looked_up_from_the_folder_of_the_map(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x", encoding="utf-8")
    taken, told, _ = read("ca: !file ca.pem", tmp_path)
    assert (taken["ca"], told) == (tmp_path / "ca.pem", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "ca: ca.pem",
            "'ca.pem' stands here: a certificate is needed, written !file PATH.\n  Write ca: !file certs/ca",
        ),
        ("ca: !secret ca", "'ca' stands here: a certificate is needed, written !file PATH."),
        ("ca: !file none.pem", "there is no file"),
        ("ca: !file .", "there is no file"),
        ("password: !file x", "a secret is never written in a map"),
        ("ca: !file [a]", "!file stands before a group or a list"),
        ("password: !secret", "'' is not the name of a secret"),
    ],
)
def test_what_is_no_file_or_secret_is_told(tmp_path: Path, text: str, message: str) -> None:
    assert message in read(text, tmp_path)[1]


def test_other_tags_are_refused(tmp_path: Path) -> None:
    _, told, _ = read("password: !include x", tmp_path)
    assert "'!include' is a YAML tag that a map does not take: only !secret and !file are." in told


def test_the_file_is_read_only_when_a_secret_is_asked_for(tmp_path: Path) -> None:
    write_secrets(tmp_path, "a: [", mode=0o644)
    assert read("{}", tmp_path)[1] == ""


def test_a_tag_where_no_tag_belongs_is_refused() -> None:
    from genba_shared.device_map.scalars import raw_text

    node = yaml.ScalarNode("!secret", "a")
    with pytest.raises(Wrong, match="!secret is not taken here: a port is needed"):
        raw_text(node, allowed="a port", example="502")


def test_a_broken_map_says_so_before_any_secret(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        read("password: [", tmp_path)
