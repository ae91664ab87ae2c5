"""What is wrong with an OPC UA device and its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genba_shared.texts.entry import Message

OPCUA: Final[Mapping[str, Message]] = {
    "browse-path": Message(
        zh="浏览路径有自己的设置项。",
        ja="ブラウズパスには専用の設定項目があります。",
        why="A node id and a browse path are two ways to name a variable; each has its key.",
        do="Write the path under `path`, in the place of `node`.",
        example='old_form: {node: "path:/Objects/A", type: bool}',
    ),
    "not-a-node-id": Message(
        zh="'{word}' 不是 OPC UA 节点 ID：应为 nsu=URI;s=NAME，其他标识用 i=、g= 或 b=。",
        ja="'{word}' は OPC UA ノード ID ではありません。nsu=URI;s=NAME の形で、ほかの識別子は i=、g=、b= です。",
        why="A node id has a namespace and an identifier, written as in OPC 10000-6.",
        do="Copy the node id from an OPC UA browser, with the namespace as URI.",
        example='parts: {node: "DB10.PartCount", type: uint32}',
    ),
    "not-an-identifier": Message(
        zh="'{word}' 不是 '{kind}=' 类的标识：需要{allowed}。",
        ja="'{word}' は '{kind}=' の識別子ではありません。{allowed}が必要です。",
        why=(
            "The letter before the equals sign says what the identifier is: i a number, s a text, g a GUID, b base64."
        ),
        do="Use the letter that fits; names need s=.",
        example='text: {node: "ns=3;i=PartCount", type: string}',
    ),
    "namespace-index": Message(
        zh="{index} 是服务器命名空间列表中的位置，重启后可能改变。",
        ja="{index} はサーバの名前空間リストでの位置で、再起動で変わることがあります。",
        why=(
            "After a restart or a new PLC programme the same number may mean another namespace, and another variable."
        ),
        do="Write the namespace as URI, as the server's NamespaceArray shows it.",
        example='works: {node: "ns=3;s=A", type: string}',
    ),
    "opcua-type-needed": Message(
        zh="该点位需要类型：只有带 `limit` 的计数器能看出类型。",
        ja="ポイントには型が必要です。`limit` のあるカウンタ以外では型が分かりません。",
        why="The map is checked without the server, so that it has to say what it expects.",
        do="Write the type that the PLC programme declares.",
        example='typeless: {node: "nsu=urn:plc;s=A"}',
    ),
    "empty-browse-path": Message(
        zh="浏览路径是空的。",
        ja="ブラウズパスが空です。",
        why="A path needs at least one browse name to lead to a variable.",
        do="Write the browse names with '/' between them.",
        example='slash: {path: "/", type: bool}',
    ),
    "not-a-browse-path": Message(
        zh="'{word}' 不是浏览路径：名称之间用 '/' 分隔，最多 {most} 个。",
        ja="'{word}' はブラウズパスではありません。'/' で区切った最大 {most} 個の名前です。",
        why="A browse path is a list of browse names, as in OPC 10000-4, A.2; an empty name leads nowhere.",
        do="Write the browse names with '/' between them; a '/' within a name is '&/'.",
        example='empty: {path: "A//B", type: bool}',
    ),
    "profile-without-root": Message(
        zh="模板 {profile} 需要 `root`：机器对象在哪里。",
        ja="プロファイル {profile} には、機械のオブジェクトの場所 `root` が必要です。",
        why="The ready points of a profile are paths below the machine's object, which is elsewhere on each server.",
        do="Write where the machine's object is: a node id or a browse path from Objects.",
        example="profile: packml",
    ),
    "words-need-whole-number": Message(
        zh="`words` 把文字变成整数。",
        ja="`words` は文字を整数に変えます。",
        why="A state that is told in words becomes a number, which `labels` and stations understand.",
        do="Write a whole-number type, or leave `words` out.",
        example='text: {path: "A", words: {Run: 1}, type: string}',
    ),
    "two-places": Message(
        zh="该点位已有 `node`：写一个位置就够了。",
        ja="ポイントには既に `node` があります。場所は一つで足ります。",
        why="Two places could be two different variables.",
        do="Keep the one that the server's documentation names.",
        example='both: {node: "nsu=urn:plc;s=A", path: "A", type: bool}',
    ),
    "point-without-place": Message(
        zh="该点位没有位置：需要 `node` 或 `path`。",
        ja="ポイントに場所がありません。`node` か `path` が必要です。",
        why="Nothing says which variable of the server is meant.",
        do="Write the node id, or a browse path.",
        example="none: {type: bool}",
    ),
    "not-a-status-code": Message(
        zh="'{word}' 不是状态码：应为 0x 加最多 8 位十六进制数字，写在引号中。",
        ja="'{word}' はステータスコードではありません。0x と 16 進数 8 桁以内を引用符で囲みます。",
        why="A status code of OPC UA is a number of 32 bits; the server's documentation or log shows it.",
        do="Write it in quotes, as hexadecimal digits.",
        example='good_codes: ["0x80AB0000", 0xC0, BadNothing]',
    ),
    "needs-encryption": Message(
        zh="`{key}` 需要加密的连接：policy 为 none 时，网络上任何人都能读到。",
        ja="`{key}` には暗号化した接続が必要です。policy が none では、ネットワーク上の誰でも読めます。",
        why="Without encryption a password is readable, and no certificate proves who the server is.",
        do="Use a policy, or leave the key out where the network is closed.",
        example="security: {policy: none, mode: Sign, user: edge}",
    ),
    "withdrawn-policy": Message(
        zh="{word} 基于可被伪造的 SHA-1，OPC 基金会已撤销它：需要{allowed}。",
        ja="{word} は偽造できる SHA-1 に基づき、OPC Foundation が取り下げました。{allowed}が必要です。",
        why="A signature with SHA-1 can be forged, so that the connection is not protected.",
        do="Switch on a newer policy at the server; every server since 2015 has Basic256Sha256.",
        example="security: {policy: Basic128Rsa15, …}",
    ),
    "user-without-password": Message(
        zh="写了 `user` 却没有 `password`。",
        ja="`user` に `password` がありません。",
        why="A user signs in with a password.",
        do="Add the password as a secret.",
        example="security: {mode: Sign, user: edge}",
    ),
    "user-needs-encryption": Message(
        zh="用户只能通过加密的连接登录：Sign 不加密消息。",
        ja="ユーザは暗号化した接続でだけサインインします。Sign ではメッセージを読めてしまいます。",
        why="With Sign the messages are protected against change, but readable.",
        do="Write SignAndEncrypt.",
        example="security: {mode: Sign, user: edge}",
    ),
}
