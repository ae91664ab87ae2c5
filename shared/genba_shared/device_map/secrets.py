"""What lies beside a map: its secrets (`secrets.yaml` or the environment) and the files that it names.

No message and no setting in here ever holds the text of a secret: a mistake in `secrets.yaml` is told by its line.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from genba_shared.device_map.problems import Findings, Unusable, Wrong, did_you_mean, shorten
from genba_shared.device_map.yaml_tree import MAX_BYTES, MapLoader
from genba_shared.secret import Secret

SECRETS_FILE: Final = "secrets.yaml"
_SECRET_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_IN_QUOTES: Final = "Put the secret in single quotes: NAME: '…' (a single quote in it is written twice)."


class Surroundings:
    """The folder of a map and the environment of the program; `secrets.yaml` is read when a secret is asked for."""

    def __init__(self, *, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._environment = environment
        self._from_file: dict[str, Secret] | None = None
        self._file_is_broken = False

    def secret(self, name: str, findings: Findings) -> Secret:
        """The secret of this name; the environment goes before `secrets.yaml`.

        Raises:
            Wrong: not a name, or there is no such secret.
            Unusable: `secrets.yaml` cannot be used; it has been reported.
        """
        if not _SECRET_NAME.fullmatch(name):
            raise Wrong(
                f"'{shorten(name)}' is not the name of a secret: letters, digits, '-' and '_'.",
                "Write it like !secret cutter1_pw.",
            )
        variable = variable_of(name)
        from_environment = self._environment.get(variable, "")
        if from_environment:
            return Secret(from_environment)
        if self._from_file is None:
            self._from_file = self._read_file(findings)
        if name in self._from_file:
            return self._from_file[name]
        if self._file_is_broken:
            raise Unusable
        raise Wrong(
            f"the secret '{name}' is neither in {self.folder / SECRETS_FILE} nor in the environment as {variable}.",
            did_you_mean(name, self._from_file, f"Add {name}: '…' to {SECRETS_FILE} (chmod 600), or set {variable}."),
        )

    def file(self, written: str) -> Path:
        """The path of a file that the map names, relative to the map's folder.

        Raises:
            Wrong: no such file, or it cannot be read.
        """
        path = self.folder / written
        if "\0" in written or not path.is_file():
            raise Wrong(
                f"there is no file {shorten(str(path))}.", "Check its name; it is looked up from the map's folder."
            )
        if not os.access(path, os.R_OK):
            raise Wrong(f"the file {shorten(str(path))} cannot be read.", "Give the user that runs genba the right.")
        return path

    def _read_file(self, findings: Findings) -> dict[str, Secret]:
        path = self.folder / SECRETS_FILE
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                content = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as exc:
            return self._broken(findings, f"the file cannot be read: {exc.strerror}.", "Check who may read it.")
        if os.name == "posix" and mode & 0o077:
            return self._broken(
                findings, f"other users may read the secrets (mode {mode:04o}).", f"Run chmod 600 {path}."
            )
        return self._parse(content, path, findings)

    def _parse(self, content: bytes, path: Path, findings: Findings) -> dict[str, Secret]:
        if len(content) > MAX_BYTES:
            return self._broken(findings, f"the file is larger than {MAX_BYTES:,} bytes.", "Keep only secrets in it.")
        try:
            loader = MapLoader(content.decode("utf-8-sig"), file=str(path))
            root = loader.get_single_node()
        except UnicodeDecodeError:
            return self._broken(findings, "the file is not UTF-8 text.", "Save it as UTF-8.")
        except yaml.MarkedYAMLError as exc:  # its text may quote a secret, and is not passed on
            line = exc.problem_mark.line + 1 if exc.problem_mark else 0
            return self._broken(findings, "this is not YAML.", _IN_QUOTES, line=line)
        except (yaml.YAMLError, ValueError, OverflowError):
            return self._broken(findings, "this is not YAML.", _IN_QUOTES)
        if not isinstance(root, yaml.MappingNode):
            return self._broken(findings, "the file holds no secrets: `NAME: '…'` lines are needed.", _IN_QUOTES)
        for node, _ in loader.tagged:
            self._broken(findings, "a YAML tag ('!') stands here.", _IN_QUOTES, line=_line(node))
        return self._take(root, findings)

    def _take(self, root: yaml.MappingNode, findings: Findings) -> dict[str, Secret]:
        taken: dict[str, Secret] = {}
        for key, value in root.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            if not _SECRET_NAME.fullmatch(name):
                self._broken(
                    findings,
                    "the name of a secret has letters, digits, '-' and '_' only.",
                    "Write it like cutter1_pw: '…'.",
                    line=_line(key),
                )
            elif name in taken:
                self._broken(findings, f"'{name}' stands here twice.", "Delete one of the two.", line=_line(key))
            elif not isinstance(value, yaml.ScalarNode) or not value.value:
                self._broken(findings, f"'{name}' is not a text.", _IN_QUOTES, line=_line(key))
            elif not value.style:  # a plain 0715, on or `pass #word` is another text to YAML than to its writer
                self._broken(findings, f"'{name}' stands without quotes.", _IN_QUOTES, line=_line(key))
            else:
                taken[name] = Secret(str(value.value))
        return taken

    def _broken(self, findings: Findings, message: str, fix: str, *, line: int = 0) -> dict[str, Secret]:
        self._file_is_broken = True
        findings.error_in_file(str(self.folder / SECRETS_FILE), message, fix, line=line)
        return {}


def variable_of(name: str) -> str:
    """The environment variable that may hold a secret: ``cutter1_pw`` is ``GENBA_SECRET_CUTTER1_PW``."""
    return f"GENBA_SECRET_{name.upper().replace('-', '_')}"


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1 if node.start_mark else 0
