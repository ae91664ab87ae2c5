"""What is wrong with the file, its YAML and its groups of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genba_shared.texts.entry import Message

STRUCTURE: Final[Mapping[str, Message]] = {
    "file-unreadable": Message(
        zh="无法读取文件：{system_says}。",
        ja="ファイルを読めません：{system_says}。",
        why="The operating system did not give the file; what it said is quoted as it is.",
        do="Check the path, and that the user of the gateway may read the file.",
    ),
    "file-too-large": Message(
        zh="文件大于 {most} 字节。",
        ja="ファイルが {most} バイトを超えています。",
        why="A device map of a whole plant has some hundred kilobytes; a larger file is probably another one.",
        do="Check that it is the right file; write one map for each gateway, or a folder of files.",
    ),
    "not-utf-8": Message(
        zh="文件不是 UTF-8 文本（第 {byte} 字节）。",
        ja="ファイルが UTF-8 ではありません（{byte} バイト目）。",
        why=(
            "An editor saved the file in another encoding (GBK, Shift-JIS, UTF-16), so that labels would turn "
            "into other characters."
        ),
        do="Save the file as UTF-8.",
    ),
    "no-settings": Message(
        zh="文件中没有设置：点表由 `key: value` 行组成。",
        ja="ファイルに設定がありません。マップは `key: value` の行からなります。",
        why="The file is empty, or its top is a list or a single word.",
        do="Start with version, gateway and devices; `examples/` has maps to begin with.",
    ),
    "not-yaml": Message(
        zh="这不是有效的 YAML：{parser_says}。",
        ja="YAML として読めません：{parser_says}。",
        why="The text breaks the rules of YAML; what the parser expected is quoted in English.",
        do="Look at the line and the one before it: indentation, a space after the colon, quotes and brackets.",
        example='label: "Press" 1',
    ),
    "yaml-number-too-large": Message(
        zh="这不是有效的 YAML：反斜杠后或 %YAML 行中的数字太大。",
        ja="YAML として読めません。バックスラッシュの後または %YAML 行の数値が大きすぎます。",
        why="A backslash in double quotes starts an escape such as \\n; a Windows path is read as one.",
        do="Write single quotes, or forward slashes.",
    ),
    "character-not-allowed": Message(
        zh="YAML 中不允许字符 U+{character}。",
        ja="YAML では文字 U+{character} を使えません。",
        why="An invisible control character stands in the file, often pasted from another program.",
        do="Delete it; the message names the column.",
        example='label: "Press …1"',
    ),
    "too-deep": Message(
        zh="嵌套超过 {most} 层。",
        ja="入れ子が {most} 段を超えています。",
        why="No setting lies that deep; a bracket was probably not closed.",
        do="Look for the open bracket, or write the settings out in lines.",
        example="a: [[[[…]]]]",
    ),
    "too-many-aliases": Message(
        zh="别名（*name）超过 {most} 个：请改用 `profiles`。",
        ja="エイリアス（*name）が {most} 個を超えています。代わりに `profiles` を使ってください。",
        why="Aliases can make a small file explode; what devices share belongs in a profile.",
        do="Write a profile and `use:` it at the devices.",
        example="b: &b [*a, *a, …]",
    ),
    "alias-in-itself": Message(
        zh="*{name} 出现在它自己所重复的内容之中。",
        ja="*{name} が、それ自身が繰り返す内容の中にあります。",
        why="An alias that contains itself has no end.",
        do="Write the settings out.",
        example="- *all",
    ),
    "merge-key": Message(
        zh="'<<' 是 YAML 的合并键：点表不接受。",
        ja="'<<' は YAML のマージキーです。マップでは使えません。",
        why="A merge key hides which setting comes from where.",
        do="Write a profile and `use:` it at the device.",
        example="- <<: *x",
    ),
    "duplicate-key": Message(
        zh="'{key}' 在这里出现两次，第一次在第 {line} 行：一个键只能写一次。",
        ja="'{key}' が二回書かれています（最初は {line} 行目）。キーは一回だけ書けます。",
        why="YAML programs silently keep the last of two equal keys; half of the settings would vanish.",
        do="Delete one of the two, or join them.",
        example="devices: []",
    ),
    "yaml-tag": Message(
        zh="'{tag}' 是点表不接受的 YAML 标记：只接受 !secret 和 !file。",
        ja="'{tag}' はマップで使えない YAML のタグです。使えるのは !secret と !file だけです。",
        why="Other tags tell a YAML program to build objects, which a map must never do.",
        do="Delete the word that starts with '!'.",
        example="label: !!python/object:os.system echo",
    ),
    "not-a-group": Message(
        zh="这里是{found}：{owner}应是一组设置。",
        ja="ここに{found}があります。{owner}は設定グループです。",
        why="A word, a number or a list stands where settings with keys are needed.",
        do="Write a group: {key: value, …} in one line, or one key a line below, indented.",
        example="poll: fast",
    ),
    "unknown-key": Message(
        zh="'{key}' 不是{owner}的设置项；可用的有 {known}。",
        ja="'{key}' は{owner}の設定項目ではありません。使えるのは {known} です。",
        why=(
            "The key is misspelt, or stands in the wrong group. Unknown keys are never ignored, since a "
            "misspelt limit would be no limit."
        ),
        do="Write the key that is offered, or look the group up in the reference.",
        example="pol: {fast: 500ms}",
    ),
    "setting-not-supported": Message(
        zh="本版本尚不支持 '{key}'：{owner}可用的有 {known}。",
        ja="'{key}' はこのバージョンではまだ使えません。{owner}で使えるのは {known} です。",
        why=(
            "The device-map contract knows this setting; this version of the program does not read it yet, and says "
            "so instead of ignoring it."
        ),
        do="Leave it out for now, or do what the message offers.",
        example='temp: {node: "nsu=urn:plc:cutter;s=Temp", type: int16, scale: 0.1, …}',
    ),
    "missing-key": Message(
        zh="缺少 '{key}'：{owner}必须有这一项。",
        ja="'{key}' がありません。{owner}には必須です。",
        why="The group cannot work without this setting, and it has no default that would be right everywhere.",
        do="Write it; the message has an example.",
        example="collector: {}",
    ),
    "other-version": Message(
        zh="本程序读取版本 {known} 的点表，而不是 {version}。",
        ja="このプログラムが読めるマップはバージョン {known} です（{version} ではありません）。",
        why="The map was written for another version of the program.",
        do="Update genba, or convert the map.",
        example="version: 2",
    ),
    "devices-not-a-list": Message(
        zh="这里是{found}：devices 应是列表。",
        ja="ここに{found}があります。devices はリストです。",
        why="Devices are a list, each item with an id of its own.",
        do="Begin each device with a dash.",
        example="press1: {protocol: modbus}",
    ),
    "duplicate-id": Message(
        zh="'{id}' 也是{place}处设备的 id：一个 id 只能用一次。",
        ja="'{id}' は {place} の装置の id でもあります。id は一回だけ使えます。",
        why="Two devices with one id could not be told apart in events.",
        do="Give each device an id of its own.",
        example="- id: press1",
    ),
    "no-device": Message(
        zh="没有设备：至少需要一个。",
        ja="装置がありません。一つ以上必要です。",
        why="A gateway without devices has nothing to read.",
        do="Write at least one device.",
        example="devices: []",
    ),
    "unknown-profile": Message(
        zh="'{word}' 不是本点表中的模板；已有 {known}。",
        ja="'{word}' はこのマップのプロファイルではありません。あるのは {known} です。",
        why="The device names a profile that the map does not have.",
        do="Write the name of a profile, or add one.",
        example="- {id: sewing3, use: sewin, …}",
    ),
    "profile-of-a-profile": Message(
        zh="模板不能再引用另一个模板。",
        ja="プロファイルから別のプロファイルは参照できません。",
        why="One level keeps it visible where a setting comes from.",
        do="Write the settings of the other profile out here.",
        example="use: other",
    ),
    "unused-profile": Message(
        zh="没有设备使用此模板。",
        ja="このプロファイルを使う装置がありません。",
        why="The profile has no effect.",
        do="Name it at a device with `use`, or delete it.",
    ),
    "no-protocol": Message(
        zh="缺少 'protocol'：需要 {allowed}。",
        ja="'protocol' がありません。{allowed} が必要です。",
        why="Without its protocol nobody knows what a device's settings mean.",
        do="Write the protocol that the device speaks.",
        example="- id: cutter1",
    ),
    "unknown-protocol": Message(
        zh="'{word}' 不是协议：需要 {allowed}。",
        ja="'{word}' はプロトコルではありません。{allowed} が必要です。",
        why="The program has no driver of this name.",
        do="Write one of the protocols that the message lists.",
        example="- {id: i, protocol: modbuss, …}",
    ),
    "unknown-key-of-device": Message(
        zh="'{word}' 不是设备的设置项。",
        ja="'{word}' は装置の設定項目ではありません。",
        why=(
            "The device has neither `protocol` nor `use`, and this key looks like one of them misspelt. Without a "
            "protocol nobody knows what its other settings mean."
        ),
        do="Write the key that the message offers.",
        example="protocoll: modbus",
    ),
    "no-effect-yet": Message(
        zh="已检查 `{key}`，但本版本尚不执行：{instead}。",
        ja="`{key}` は検査済みですが、このバージョンではまだ働きません。{instead}。",
        why=(
            "The setting belongs to the map's contract and is checked; this version of the program does not act on "
            "it yet, and says so instead of letting you believe that it does."
        ),
        do="Leave it in for a later version, or take it out.",
        example="telemetry: {…, max_interval: 10min}",
    ),
    "folder-unreadable": Message(
        zh="无法读取文件夹：{system_says}。",
        ja="フォルダを読めません：{system_says}。",
        why="The operating system did not list the folder; what it said is quoted as it is.",
        do="Check that the user of the gateway may list the folder.",
    ),
    "not-named-yaml": Message(
        zh="只读取以 .yaml 结尾的文件。",
        ja="読み込むのは .yaml で終わるファイルだけです。",
        why="A file of the folder ends in .yml or .YAML. It would be left out silently if nobody said so.",
        do="Rename it so that it ends in .yaml, or begin its name with '_' to leave it out.",
    ),
    "folder-without-map": Message(
        zh="文件夹中没有点表：没有以 .yaml 结尾的文件。",
        ja="フォルダにマップがありません。.yaml で終わるファイルがありません。",
        why=(
            "A map may be a folder of files; in this one there is none. secrets.yaml and names that begin with '.' "
            "or '_' are not part of a map."
        ),
        do="Name the map's file, or its folder.",
    ),
    "too-many-files": Message(
        zh="文件夹中以 .yaml 结尾的文件超过 {most} 个。",
        ja="フォルダの .yaml ファイルが {most} 個を超えています。",
        why="A map of so many files is probably another folder.",
        do="Check that it is the right folder; join some of the files.",
    ),
    "said-in-two-files": Message(
        zh="'{key}' 也写在 {place}：两个文件都写的内容，总有一天会不一致。",
        ja="'{key}' は {place} にもあります。二つのファイルに書くと、いつか食い違います。",
        why="No file of a folder goes before another, so that two of them cannot say the same thing.",
        do="Delete one of the two.",
    ),
    "goes-on-in-next-line": Message(
        zh="'{word}' 延续到下一行。",
        ja="'{word}' が次の行に続いています。",
        why=(
            "A value without quotes runs on into the next line: a ':', a comma or a closing bracket is probably "
            "missing."
        ),
        do="Close the bracket, or write the ':' that is missing.",
        example="devices: [{id: press1, protocol: modbus",
    ),
    "indented-too-far": Message(
        zh="此处开始的设置缩进过深。",
        ja="ここから始まる設定の字下げが深すぎます。",
        why="The line is indented further than the settings around it, so that it would belong to the value above it.",
        do="Indent it like the settings around it.",
        example="host: 10.1.2.21",
    ),
    "quote-not-closed": Message(
        zh="此处的引号在本行没有闭合。",
        ja="ここで開いた引用符がこの行で閉じていません。",
        why="A text in quotes runs over the end of its line; texts of a map stand in one line.",
        do="Close the quote in the same line.",
        example='label: "Press 1',
    ),
    "tag-on-a-group": Message(
        zh="{tag} 写在组或列表之前：需要一个词。",
        ja="{tag} がグループまたはリストの前にあります。一つの語が必要です。",
        why="!secret and !file stand before one word: the name of a secret, or the path of a file.",
        do="Write the name or the path behind the tag.",
        example="good: {…, label: !file [a]}",
    ),
    "tag-not-taken": Message(
        zh="这里不接受 {tag}：需要{allowed}。",
        ja="ここでは {tag} を使えません。{allowed}が必要です。",
        why="Only passwords and keys come from secrets, and only certificates and the like from files.",
        do="Write the value itself.",
        example="label: !secret press",
    ),
}
