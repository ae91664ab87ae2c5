"""What is wrong with what lies beside a map: its secrets, and the files that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genba_shared.texts.entry import Message

BESIDE: Final[Mapping[str, Message]] = {
    "secret-in-map": Message(
        zh="点表中绝不写{what}：需要 !secret 加名称。",
        ja="マップに{what}は書きません。!secret と名前が必要です。",
        why="Maps are copied, printed and mailed; a password in one is no secret any more.",
        do=(
            "Put the password into secrets.yaml beside the map (mode 0600) or the environment, and write !secret "
            "and its name. Change a password that stood in a map."
        ),
    ),
    "not-a-secret-name": Message(
        zh="'{word}' 不是密码的名称：应为字母、数字、'-' 和 '_'。",
        ja="'{word}' は秘密情報の名前ではありません。英数字、'-'、'_' を使います。",
        why="The name is looked up in secrets.yaml and, in capitals, in the environment.",
        do="Write a short name, as it stands in secrets.yaml.",
    ),
    "unknown-secret": Message(
        zh="密码 '{word}' 既不在 {file} 中，也不在环境变量 {variable} 中。",
        ja="秘密情報 '{word}' は {file} にも環境変数 {variable} にもありません。",
        why="The map names a secret that is nowhere to be found.",
        do="Add it to secrets.yaml beside the map, or set the environment variable.",
    ),
    "file-without-tag": Message(
        zh="这里是{found}：需要{what}，写作 !file PATH。",
        ja="ここに{found}があります。{what}を !file PATH の形で書きます。",
        why="Certificates and keys stay in files of their own; the map only names them.",
        do="Write !file and the path, from the map's folder.",
    ),
    "no-such-file": Message(
        zh="没有文件 {file}。",
        ja="ファイル {file} がありません。",
        why="The path is looked up from the folder of the map, not from where the program was started.",
        do="Check the name, and that the file was copied to this machine.",
    ),
    "file-without-right": Message(
        zh="无法读取文件 {file}。",
        ja="ファイル {file} を読めません。",
        why="The file exists, and the user that runs the gateway may not read it.",
        do="Give that user the right to read it, and nobody else where it is a key.",
    ),
    "secrets-of-others": Message(
        zh="其他用户可以读取密码（权限 {mode}）。",
        ja="ほかのユーザが秘密情報を読めます（モード {mode}）。",
        why="secrets.yaml can be read by every user of the machine, so that its secrets are none.",
        do="Run chmod 600 on it; check that its owner is the user that runs the gateway.",
    ),
    "secrets-not-yaml": Message(
        zh="这不是有效的 YAML。",
        ja="YAML として読めません。",
        why=(
            "secrets.yaml breaks the rules of YAML. What the parser says is not passed on, since it may quote a secret."
        ),
        do="Write one line for each secret: NAME: '…'.",
    ),
    "no-secrets": Message(
        zh="文件中没有密码：需要 `NAME: '…'` 行。",
        ja="ファイルに秘密情報がありません。`NAME: '…'` の行が必要です。",
        why="The top of secrets.yaml is a list or a single word.",
        do="Write one line for each secret.",
    ),
    "tag-in-secrets": Message(
        zh="这里有 YAML 标记（'!'）。",
        ja="ここに YAML のタグ（'!'）があります。",
        why="A secret that begins with '!' is a tag to YAML.",
        do="Put the secret in single quotes.",
    ),
    "secret-name-odd": Message(
        zh="密码的名称只能由字母、数字、'-' 和 '_' 组成。",
        ja="秘密情報の名前に使えるのは英数字、'-'、'_' だけです。",
        why="The name has other characters, or is no word at all.",
        do="Write a short name, as the map has it behind !secret.",
    ),
    "secret-twice": Message(
        zh="'{word}' 在这里出现两次。",
        ja="'{word}' が二回書かれています。",
        why="YAML programs silently keep the last of two equal keys; one of the two secrets would vanish.",
        do="Delete one of the two.",
    ),
    "secret-not-a-text": Message(
        zh="'{word}' 不是文字。",
        ja="'{word}' は文字列ではありません。",
        why="A list, a group or nothing stands where the secret belongs.",
        do="Write the secret in single quotes.",
    ),
    "secret-without-quotes": Message(
        zh="'{word}' 没有引号。",
        ja="'{word}' に引用符がありません。",
        why="Without quotes 0715, on or `pass #word` is another text to YAML than to the person who wrote it.",
        do="Put the secret in single quotes; a single quote in it is written twice.",
    ),
}
