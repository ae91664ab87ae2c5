"""What is wrong with an RFID reader, or a device that publishes over MQTT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genba_shared.texts.entry import Message

READERS: Final[Mapping[str, Message]] = {
    "no-antennas": Message(
        zh="读写器没有天线：至少需要一副。",
        ja="リーダにアンテナがありません。一つ以上必要です。",
        why="A reader without antennas reads nothing.",
        do="Write each antenna with its port number and read point.",
        example="antennas: {}",
    ),
    "session-silences": Message(
        zh="在 s0 以外的会话中，停留的标签会不再应答，看上去像已离开。",
        ja="s0 以外のセッションでは、とどまるタグが応答しなくなり、出たように見えます。",
        why="In Gen2 sessions s1 to s3 a tag that was read keeps silent for a while.",
        do="Use session s0 where pieces wait in front of the antenna.",
        example="session: s2",
    ),
    "two-ways-to-know-a-reader": Message(
        zh="`ca` 和 `server_fingerprint` 是认识读写器的两种方式：一种就够了。",
        ja="`ca` と `server_fingerprint` はどちらもリーダを確かめる方法です。一つで十分です。",
        why="A certificate is checked against its authority, or it is the one whose fingerprint is written.",
        do="Keep the fingerprint for a certificate that the reader signed itself, else the authority.",
        example="ca: !file certs/ca.pem",
    ),
    "mqtt-type-needed": Message(
        zh="该点位需要类型：消息并不说明计数器有多大。",
        ja="ポイントには型が必要です。メッセージからはカウンタの大きさが分かりません。",
        why="JSON has numbers only; where a counter wraps, nobody can see.",
        do="Write the type that the device's manual names.",
        example="order: {field: order}",
    ),
    "time-field-of-payload": Message(
        zh="消息内容就是值本身，没有字段。",
        ja="ペイロードが値そのものなので、フィールドがありません。",
        why="Without `field` the whole payload is the value.",
        do="Leave `time_field` out, or name the `field` of the value.",
        example="speed: {type: float32, time_field: at}",
    ),
    "no-epc-field": Message(
        zh="缺少 'epc'：EPC 在哪个字段？",
        ja="'epc' がありません。EPC はどのフィールドですか。",
        why="Messages of an unknown format have to be described.",
        do="Name the field, or one of the known formats.",
        example="tags_from: {antenna: port}",
    ),
    "no-antenna-field": Message(
        zh="是哪副天线读到标签的？缺少 'antenna'。",
        ja="どのアンテナがタグを読んだのですか。'antenna' がありません。",
        why="With several antennas each read must say which of them heard the tag.",
        do="Name the field that holds the port number.",
        example="tags_from: {epc: id}",
    ),
    "field-of-known-format": Message(
        zh="`{key}` 已由 format: {format} 确定。",
        ja="`{key}` は format: {format} で決まっています。",
        why="The fields of a known format are known.",
        do="Leave the field out, or describe the whole message with format: custom.",
        example="tags_from: {format: zebra, epc: data.id}",
    ),
    "tags-without-antennas": Message(
        zh="读标签需要 `antennas`。",
        ja="タグの読取には `antennas` が必要です。",
        why="A read says its antenna; the map says which place that is.",
        do="Write the antennas with their read points.",
        example="tags_from: {format: zebra}",
    ),
    "antennas-without-tags": Message(
        zh="`antennas` 需要 `tags_from`：读取记录在消息的哪里？",
        ja="`antennas` には `tags_from` が必要です。読取はメッセージのどこですか。",
        why="Nothing says where in a message the reads stand.",
        do="Write `tags_from`, or leave the antennas out.",
        example="antennas: {1: {read_point: door}}",
    ),
    "nothing-is-read": Message(
        zh="什么也没有读取：需要 `points` 或 `tags_from`。",
        ja="何も読み取りません。`points` か `tags_from` が必要です。",
        why="The device has neither values nor tag reads.",
        do="Write what its messages hold.",
        example="- id: camera5",
    ),
    "no-topics": Message(
        zh="缺少 'topics'：{what}。",
        ja="'topics' がありません。{what}。",
        why="Without a topic nothing can be subscribed to.",
        do="Write the topics that the device publishes to.",
        example="- id: camera4",
    ),
    "not-a-topic": Message(
        zh="'{word}' 不是主题或主题过滤器：+ 代表一级，末尾的 # 代表其后所有级。",
        ja="'{word}' はトピックでもフィルタでもありません。+ は一階層、末尾の # は以下すべてを表します。",
        why="MQTT takes + for a whole level only, and # at the end only.",
        do="Write a topic as the device publishes it, or a filter.",
        example='topics: ["camera/#/line", …]',
    ),
    "not-a-field-path": Message(
        zh="'{word}' 不是字段路径。",
        ja="'{word}' はフィールドのパスではありません。",
        why="Names of fields are joined by dots, without spaces.",
        do="Write the names from the outside in, with dots.",
        example='stopped: {field: "lines..stopped", type: bool}',
    ),
    "not-a-preset": Message(
        zh="'{word}' 不是预设的 id。",
        ja="'{word}' はプリセットの id ではありません。",
        why="The id becomes a part of the reader's address.",
        do="Look it up on the reader's own page.",
        example="preset: ../stop",
    ),
    "not-a-regular-expression": Message(
        zh="'{word}' 不是正则表达式：{parser_says}。",
        ja="'{word}' は正規表現ではありません：{parser_says}。",
        why="The expression that finds our tags has an error; what the parser said about it is quoted in English.",
        do="Mend the expression, or write only the leading hex digits of your EPCs after ^.",
        example='tags: {accept: "^(3034"}',
    ),
    "capital-letters": Message(
        zh="'{word}' 含大写字母：EPC 按小写十六进制比较。",
        ja="'{word}' に大文字があります。EPC は小文字の 16 進数で比較します。",
        why="EPCs are compared as lower-case hex, so that an expression with capital letters never finds one.",
        do="Write the letters a to f small.",
        example='tags: {accept: "^3034AB"}',
    ),
}
