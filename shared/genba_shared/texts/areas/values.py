"""What is wrong with one value: words, numbers, units, ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genba_shared.texts.entry import Message

VALUES: Final[Mapping[str, Message]] = {
    "wrong-form": Message(
        zh="这里是{found}：需要{allowed}。",
        ja="ここに{found}があります。{allowed}が必要です。",
        why=(
            "A list, a group of settings or an empty value stands where one plain value is needed, or the "
            "other way round."
        ),
        do="Write the form that the message names; the reference shows it for each key.",
        example="points: [good]",
    ),
    "text-without-quotes": Message(
        zh="{word} 不带引号是{kind}：需要{allowed}。",
        ja="引用符のない {word} は{kind}です。{allowed}が必要です。",
        why=(
            "YAML reads a bare 7 or true as a number or truth value, and its spelling would be lost (007 would "
            "become 7)."
        ),
        do="Put the text in quotes.",
        example="- id: 7",
    ),
    "control-character": Message(
        zh="文字中有换行或其他控制字符：需要{allowed}。",
        ja="文字列に改行などの制御文字があります。{allowed}が必要です。",
        why="A line break or another invisible character is in the text; it would break logs, topics and screens.",
        do="Write the text in one line.",
        example='label: "Press\\n1"',
    ),
    "not-a-whole-number": Message(
        zh="'{word}' 不是整数：需要{allowed}。",
        ja="'{word}' は整数ではありません。{allowed}が必要です。",
        why="Only decimal digits make a whole number here.",
        do="Write digits only, without a decimal point, unit or thousands separator.",
        example="unit: 1.5",
    ),
    "number-in-quotes": Message(
        zh='"{word}" 带引号是文字：需要{allowed}。',
        ja='引用符付きの "{word}" は文字列です。{allowed}が必要です。',
        why="Quotes make a text of a number.",
        do="Take the quotes away.",
        example='good: {…, counter: {limit: "65535", …}}',
    ),
    "not-a-number": Message(
        zh="'{word}' 不是数字：需要{allowed}。",
        ja="'{word}' は数値ではありません。{allowed}が必要です。",
        why="A decimal number is needed, such as 0.1.",
        do="Write digits with a decimal point (not a comma), without a unit.",
        example="temp: {at: 40101, type: int16, scale: tenth}",
    ),
    "out-of-range": Message(
        zh="{written} 超出范围：允许 {low} 到 {high}。",
        ja="{written} は範囲外です。{low} から {high} までが使えます。",
        why="The value is beyond what the setting takes. It is never moved to the nearest bound by itself.",
        do="Write a value within the bounds that the message names.",
        example="3: {power: 50dBm}",
    ),
    "number-out-of-range": Message(
        zh="{value} 超出范围：应为{allowed}。",
        ja="{value} は範囲外です。{allowed}にしてください。",
        why="A factor of 0 would make every value 0, and one beyond these bounds is a slip of the keyboard.",
        do="Write a number within the bounds.",
        example="nothing: {at: 40131, type: int16, scale: 0}",
    ),
    "not-a-choice": Message(
        zh="'{word}' 不是 {allowed}。",
        ja="'{word}' は {allowed} ではありません。",
        why="The setting takes one of a closed list of words, in exactly this spelling.",
        do="Write one of the words that the message lists.",
        example="E: {…, start_when: first_pice}",
    ),
    "not-an-id": Message(
        zh="'{word}' 不是 id：应为 1 到 40 个 a-z、0-9 和 '-'，以字母或数字开头。",
        ja="'{word}' は id ではありません。a-z、0-9、'-' を 1～40 文字、先頭は英字か数字にしてください。",
        why="Ids become parts of topics and file names and must look the same everywhere.",
        do="Use small letters, digits and dashes; put names for people, in any language, into `label`.",
        example="- id: Press 1",
    ),
    "not-a-name": Message(
        zh="'{word}' 不是名称：应为 1 到 40 个 A-Z、a-z、0-9、'-' 和 '_'，以字母或数字开头。",
        ja="'{word}' は名前ではありません。A-Z、a-z、0-9、'-'、'_' を 1～40 文字、先頭は英字か数字にしてください。",
        why="Names of points, stations, zones and nodes appear in every event.",
        do="Use letters, digits, dashes and underscores; put names for people, in any language, into `label`.",
        example="裁断: {device: Press 1}",
    ),
    "not-a-time-zone": Message(
        zh="'{word}' 不是 IANA 数据库中的时区。",
        ja="'{word}' は IANA データベースのタイムゾーンではありません。",
        why=(
            "Abbreviations such as CST are ambiguous (China, Chicago, Cuba), so that only names of the IANA "
            "database are taken."
        ),
        do="Write a name such as Asia/Shanghai, Asia/Tokyo or Europe/Berlin.",
        example="gateway: {…, timezone: Asia/Shangai}",
    ),
    "not-a-folder": Message(
        zh="'{word}' 不是文件夹。",
        ja="'{word}' はフォルダではありません。",
        why="The folder of the outbox is empty text, or has backslashes.",
        do="Write a path with forward slashes, relative to the map, or absolute.",
        example='store: {path: "C:\\\\state"}',
    ),
    "not-a-quantity": Message(
        zh="'{word}' 不是{what}：应为数字加 {units}。",
        ja="'{word}' は{what}ではありません。数値に {units} を付けてください。",
        why="A quantity is a number directly followed by its unit.",
        do="Write it like the example in the message.",
        example="report: soon",
    ),
    "no-unit": Message(
        zh="{number} 没有单位：{what}以 {units} 结尾。",
        ja="{number} に単位がありません。{what}の末尾は {units} です。",
        why=(
            "A bare number is never guessed: 500 could be milliseconds or seconds, 40 could be per minute or per hour."
        ),
        do="Write the unit directly after the number.",
        example="timeout: 2",
    ),
    "wrong-unit": Message(
        zh="'{unit}' 不是{what}的单位：应以 {units} 结尾。",
        ja="'{unit}' は{what}の単位ではありません。末尾は {units} です。",
        why="The unit is spelt in another way, or belongs to another quantity.",
        do="Write one of the units that the message lists.",
        example="poll: {…, hourly: 1hour}",
    ),
    "space-before-unit": Message(
        zh="'{word}' 的单位前有空格：数字和单位要连写。",
        ja="'{word}' の単位の前に空白があります。数値と単位は続けて書きます。",
        why="Number and unit are one word, so that they cannot be torn apart by an editor or a comment.",
        do="Take the space away.",
        example="poll: {…, slow: 10 s, …}",
    ),
    "empty-list": Message(
        zh="列表是空的：需要一个或多个{what}。",
        ja="リストが空です。{what}が一つ以上必要です。",
        why="An empty list would say that nothing is meant, which no rule can work with.",
        do="Write at least one name, or delete the key.",
        example="B: {stations: []}",
    ),
    "twice-in-list": Message(
        zh="{found} 在这里出现两次。",
        ja="{found} が二回書かれています。",
        why="The same name stands twice in one list; it would be counted twice.",
        do="Delete one of the two.",
        example="round: {…, leave: [gate/door-out, gate/door-in, gate/door-in]}",
    ),
    "yes-no-without-quotes": Message(
        zh="不带引号的 '{word}' 在 YAML 1.1 中表示 {means}，不予接受。",
        ja="引用符のない '{word}' は YAML 1.1 では {means} を意味するため、使えません。",
        why='YAML 1.1 reads yes, no, on and off as true and false, so that a label "off" would become false.',
        do="Put the word in quotes, or write true or false if that is what you mean.",
        example="on: {at: 40120, bit: 0}",
    ),
    "leading-zero": Message(
        zh="'{word}' 以 0 开头，在 YAML 1.1 中是八进制，不予接受。",
        ja="'{word}' は 0 で始まり、YAML 1.1 では 8 進数になるため、使えません。",
        why="YAML 1.1 reads 010 as eight.",
        do="Write the number without leading zeros, or put a text in quotes.",
        example="unit: 010",
    ),
    "base-60": Message(
        zh="不带引号的 '{word}' 在 YAML 1.1 中是六十进制数，不予接受。",
        ja="引用符のない '{word}' は YAML 1.1 では 60 進数になるため、使えません。",
        why="YAML 1.1 reads 12:30 as 750.",
        do="Put a text in quotes; write a duration with its unit.",
        example="label: 12:30",
    ),
    "odd-number": Message(
        zh="'{word}' 是写法特殊的数字，不予接受。",
        ja="'{word}' は特殊な書き方の数値のため、使えません。",
        why=(
            "Hexadecimal, binary, underscores and numbers without a digit before the point are read "
            "differently by different programs."
        ),
        do="Write plain decimal digits, or put a text in quotes.",
        example="poll: {max_gap: 0x0C, …}",
    ),
    "not-true-or-false": Message(
        zh="'{word}' 不是 true 或 false。",
        ja="'{word}' は true でも false でもありません。",
        why="Only these two words are taken, without quotes; yes and on mean different things to different programs.",
        do="Write true or false.",
        example="workarounds: {…, one_request_per_point: yes, …}",
    ),
}
