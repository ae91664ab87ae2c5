"""The command `genba` itself: listing, choosing, exit codes, errors. Commands come from real entry points on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from genba_shared.cli import main

PROGRAM = """
from genba_shared.cli.command import Command
from genba_shared.errors import ConfigError, DeviceUnreachable, Problem, UsageError
from genba_shared.texts import say

def add_arguments(parser):
    parser.add_argument("--fail", default="")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--tone", choices=["formal", "friendly"])

def run(args):
    match args.fail:
        case "config":
            problem = Problem(file="a.yaml", line=1, column=2, path="x", message="is wrong.", fix="Mend it.")
            raise ConfigError((problem,))
        case "usage-with-code":
            raise UsageError(say("name-file-or-folder", "Name a file, or another folder."))
        case "usage":
            raise UsageError("say what you want")
        case "device":
            raise DeviceUnreachable(device="press1", reason="no answer")
        case "interrupt":
            raise KeyboardInterrupt
        case "code":
            return 1
        case "import":
            import a_module_that_nobody_has
        case "bug":
            raise ZeroDivisionError
        case "log":
            import logging
            logging.getLogger("genba_shared.x").info("device back device=%s", "press1")
            logging.getLogger("genba_shared.x").debug("reading point=%s", "good")
            logging.getLogger("library").info("chatter")
    print(*args.words)
    return 0

COMMAND = Command(name="greet", summary="says what you say", add_arguments=add_arguments, run=run)
"""
ENTRY_POINTS = """\
[genba.commands]
greet = greeting_for_tests:COMMAND
broken = heavy_module_for_tests:COMMAND
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with two commands, of which one cannot be imported."""
    info = tmp_path / "greeting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "greeting_for_tests.py").write_text(PROGRAM)
    (tmp_path / "heavy_module_for_tests.py").write_text("import a_library_that_nobody_has\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_help_lists_commands_without_importing_them(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "  greet" in out
    assert "  broken" in out
    assert "examples:" in out
    assert "greeting_for_tests" not in sys.modules


def test_a_command_gets_its_arguments_and_gives_the_exit_code(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["greet", "hello", "line"]) == 0
    assert capsys.readouterr().out == "hello line\n"
    assert main(["greet", "--fail", "code"]) == 1


def test_no_command_shows_the_help_and_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: genba" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gret"], "genba: 'gret' is not a command. Did you mean 'greet'?\n"),
        (["xyzzy"], "genba: 'xyzzy' is not a command. See: genba --help\n"),
        (["--frob"], "genba: '--frob' is not an option of genba. See: genba --help\n"),
        (["greet", "--fail", "usage"], "genba: say what you want\n"),
        (["greet", "--fail", "config"], "a.yaml:1:2  x\n  is wrong.\n  Mend it.\n"),
        (
            ["broken"],
            (
                "genba: genba broken needs more: pip install 'genba[all]'\n"
                "  (the Python module 'a_library_that_nobody_has' is not installed)\n"
            ),
        ),
        (
            ["greet", "--fail", "import"],
            (
                "genba: genba greet needs more: pip install 'genba[all]'\n"
                "  (the Python module 'a_module_that_nobody_has' is not installed)\n"
            ),
        ),
    ],
)
def test_wrong_use_is_told_on_stderr_and_exits_with_2(
    installed: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", said)


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "genba: Name a file, or another folder.\n"), ("zh", "genba: 请指定一个文件，或另一个文件夹。\n")],
)
def test_an_error_with_a_code_is_told_in_the_language_of_the_person(
    installed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: str, told: str
) -> None:
    monkeypatch.setenv("GENBA_LANG", language)
    assert main(["greet", "--fail", "usage-with-code"]) == 2
    assert capsys.readouterr().err == told


def test_a_failure_that_is_nobodys_fault_exits_with_1(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["greet", "--fail", "device"]) == 1
    assert capsys.readouterr().err == "genba: device=press1 reason=no answer\n"


def test_ctrl_c_exits_with_130_and_without_traceback(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["greet", "--fail", "interrupt"]) == 130
    assert capsys.readouterr().err == ""


def test_a_bug_is_not_hidden(installed: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        main(["greet", "--fail", "bug"])


def test_help_of_a_command(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["greet", "--help"]) == 0
    assert main(["help", "greet"]) == 0
    assert capsys.readouterr().out.count("says what you say") == 2


def test_a_wrong_option_of_a_command_exits_with_2(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["greet", "--shout"]) == 2
    assert "unrecognized arguments: --shout" in capsys.readouterr().err


def test_a_misspelt_choice_is_offered_the_nearest(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["greet", "--tone", "frendly"]) == 2
    assert "Did you mean 'friendly'?" in capsys.readouterr().err


def _run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from genba_shared.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": f"{installed}:{Path(__file__).parents[3] / 'shared'}"},
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("verbosity", "seen"),
    [
        ([], ["device back device=press1"]),
        (["-v"], ["device back device=press1", "reading point=good"]),
        (["-vv"], ["device back device=press1", "reading point=good", "chatter"]),
    ],
)
def test_verbosity_chooses_what_is_logged_on_stderr(installed: Path, verbosity: list[str], seen: list[str]) -> None:
    done = _run(installed, "greet", "--fail", "log", *verbosity, "hello")
    assert done.stdout == "hello\n"
    lines = done.stderr.splitlines()
    assert [line.split(" ", 3)[3] for line in lines] == seen
    assert all(line.split(" ")[0].endswith("Z") for line in lines)


def test_a_closed_pipe_ends_without_traceback(installed: Path) -> None:
    code = (
        "import sys; from genba_shared.cli import main; sys.stdin.read(); "
        "code = main(['greet', *(['word'] * 100000)]); sys.exit(code)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": f"{installed}:{Path(__file__).parents[3] / 'shared'}"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # before a word is written
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 141
