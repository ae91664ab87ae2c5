"""What is wrong with an OPC UA device and its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genba_shared.texts.entry import Message

OPCUA: Final[Mapping[str, Message]] = {
    "browse-path": Message(
        zh="本版本尚不支持浏览路径（path:）。",
        ja="ブラウズパス（path:）はこのバージョンではまだ使えません。",
        why="The device-map contract knows browse paths; this version of the program reads node ids only.",
        do="Write the node id, which every OPC UA browser shows.",
        example='parts: {node: "path:/Objects/Parts", …}',
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
    "not-encrypted": Message(
        zh="连接既不签名也不加密：本版本没有其他安全策略。",
        ja="接続は署名も暗号化もされません。このバージョンにはほかのポリシーがありません。",
        why="Who can reach the network can read and change what the PLC says.",
        do="Write that it is meant, so that the next reader of the map knows.",
        example='- {id: h, protocol: opcua, url: "opc.tcp://plc:70000", …}',
    ),
}
