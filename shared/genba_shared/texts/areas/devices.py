"""What is wrong with a device, where it is, and its points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genba_shared.texts.entry import Message

DEVICES: Final[Mapping[str, Message]] = {
    "url-for-host": Message(
        zh="'{word}' 是 URL：需要主机，或 主机:端口。",
        ja="'{word}' は URL です。ホスト、または ホスト:ポート が必要です。",
        why="This protocol has no URLs; only the host and, if it is unusual, the port are needed.",
        do="Write the host without scheme and path.",
        example='- {id: a, protocol: modbus, host: "tcp://10.1.2.21:502/x", …}',
    ),
    "not-a-host": Message(
        zh="'{word}' 不是主机，也不是 主机:端口。",
        ja="'{word}' はホストでも ホスト:ポート でもありません。",
        why="A host is a name or an IP address; an IPv6 address with a port stands in brackets.",
        do="Write it like 10.1.2.21, plc-7.factory:502 or [fd00::7]:502.",
        example='- {id: c, protocol: modbus, host: "press one", …}',
    ),
    "not-a-port": Message(
        zh="'{word}' 不是端口：允许 1 到 65535。",
        ja="'{word}' はポートではありません。1 から 65535 までが使えます。",
        why="TCP ports are whole numbers from 1 to 65535.",
        do="Write the port on which the device listens, or leave it out to take the usual one.",
        example='- {id: d, protocol: modbus, host: "[::1]:0", …}',
    ),
    "not-a-url": Message(
        zh="'{word}' 不是{what}：应为 {forms}。",
        ja="'{word}' は{what}ではありません。{forms} の形で書きます。",
        why="The URL has another scheme, or no host.",
        do="Write scheme, host and port as in the example.",
        example="url: http://10.1.2.10",
    ),
    "secret-in-url": Message(
        zh="{what}中含有用户名或密码：点表中绝不写密码。",
        ja="{what}にユーザ名かパスワードがあります。マップに秘密情報は書きません。",
        why="Maps are copied, printed and mailed; a password in one is no secret any more.",
        do="Take user and password out of the URL, and change a password that stood there.",
        example="url: opc.tcp://edge:geheim@10.1.2.10:4840/x",
    ),
    "no-points": Message(
        zh="设备没有点位：至少需要一个。",
        ja="装置にポイントがありません。一つ以上必要です。",
        why="A device without points has nothing to read.",
        do="Write at least one point.",
        example="points: {}",
    ),
    "labels-of-type": Message(
        zh="{type} 不能有 labels：labels 用于 bool 和整数。",
        ja="{type} には labels を付けられません。labels は bool と整数用です。",
        why="Labels name the values of a whole number or bool; a text names itself.",
        do="Leave `labels` out.",
        example="name: {at: 40105, type: string, length: 4, labels: {0: idle}}",
    ),
    "type-cannot-count": Message(
        zh="{type} 不能计数：计数器应为整数。",
        ja="{type} では数えられません。カウンタは整数です。",
        why="A float loses single pieces above 16 777 216, and a bit cannot count.",
        do="Name the PLC's whole-number counter, and write its type.",
        example="half: {at: 40103, type: float32, counter: {}}",
    ),
    "scaled-counter": Message(
        zh="计数器不做缩放：它计的是设备的整数计数。",
        ja="カウンタに倍率は掛けません。装置の整数カウントを数えます。",
        why="A scaled counter would no longer wrap where the PLC wraps.",
        do="Use `pieces_per_count` where one count is several pieces.",
        example="scaled: {at: 40105, type: uint32, scale: 10, counter: {max_rate: 1/min}}",
    ),
    "limit-beyond-type": Message(
        zh="{limit} 超出 {type} 的范围，其最大值是 {greatest}。",
        ja="{limit} は {type} に収まりません。最大値は {greatest} です。",
        why="The counter's last value cannot be beyond what its type can hold.",
        do="Check type and limit in the PLC programme.",
        example="limit: {at: 40101, type: uint16, counter: {limit: 65536, max_rate: 1/min}}",
    ),
    "lowest-beyond-type": Message(
        zh="{lowest} 超出 {type} 的范围，其最小值是 {least}。",
        ja="{lowest} は {type} に収まりません。最小値は {least} です。",
        why="`lowest` is where a signed counter goes on after its limit; an unsigned one goes on at 0.",
        do="Write the type that the PLC declares, and `lowest` only for a signed one.",
        example="under: {at: 40101, type: uint16, counter: {lowest: -32768, max_rate: 1/min}}",
    ),
    "lowest-of-one-that-stays": Message(
        zh="停在上限的计数器不会继续到 0 以下。",
        ja="上限で止まるカウンタは 0 より下へ進みません。",
        why="`at_limit: saturate` and `lowest` say two things of the same moment.",
        do="Look into the PLC programme what the counter does after its limit, and keep the right one.",
        example="stays: {at: 40103, type: int16, counter: {lowest: -32768, at_limit: saturate, max_rate: 1/min}}",
    ),
    "wrap-of-one-that-stays": Message(
        zh="停在上限的计数器不会回绕。",
        ja="上限で止まるカウンタは一巡しません。",
        why="`at_limit: saturate` and `on_decrease: wrap` contradict each other.",
        do="Leave `on_decrease` out, or write `at_limit: wrap`.",
        example="never: {at: 40105, type: uint16, counter: {at_limit: saturate, on_decrease: wrap, max_rate: 1/min}}",
    ),
    "own-evidence": Message(
        zh="{point} 就是计数器本身：它不能作为自身复位的证据。",
        ja="{point} はカウンタ自身です。自分のリセットの証拠にはなりません。",
        why="Evidence is something else that shows the reset; that the counter fell is what it has to explain.",
        do="Name the reset button, an uptime or a time of boot of the PLC.",
        example="own: {at: 40107, type: uint16, counter: {reset_by: {falls: own}, max_rate: 1/h}}",
    ),
    "no-max-rate": Message(
        zh="计数器没有 max_rate：误读的值无法与真实产量区分，会全部计入。",
        ja="カウンタに max_rate がありません。読み誤りと実際の個数を区別できず、すべて数えます。",
        why=(
            "A wrong reading or a new PLC programme can make a counter jump; the fastest possible rate tells "
            "such a step from pieces."
        ),
        do="Write the most that the machine can physically make, with some margin.",
        example="good: {at: 40101, type: uint32, counter: {}}",
    ),
    "half-range-between-polls": Message(
        zh="以 {rate} 计，两次读数（间隔 {period}）之间计数器可计 {range} 中的 {most}：回绕与清零无法区分。",
        ja=(
            "{rate} では、{period} 間隔の読み取りの間にカウンタは {range} のうち {most} まで進みます。"
            "一巡とリセットを区別できません。"
        ),
        why=(
            "A counter that can go through half of its range between two readings may have wrapped, been reset or run "
            "on: each of them gives the same value."
        ),
        do="Read it more often, or use a counter that goes further.",
        example="quick: {…, counter: {limit: 99, max_rate: 3000/min}}",
    ),
    "button-read-seldom": Message(
        zh="{button} 表示清零，每 {slow} 读一次，而计数器每 {fast} 读一次：两次读数之间的按下会被漏掉。",
        ja="{button} はリセットを示し、{slow} ごとに読みます。カウンタは {fast} ごとなので、間の操作を見逃します。",
        why=(
            "Evidence of a reset explains a counter only when it is read together with it; a button that is read "
            "seldom is not seen at all."
        ),
        do="Put both points into the same poll group.",
        example="good: {…, counter: {max_rate: 40/min, reset_by: {point: button}}}",
    ),
    "short-wrap": Message(
        zh="以 {rate} 计，上限 {limit} 的计数器每 {period} 回绕一次：较长中断之后的计数将有歧义。",
        ja=(
            "{rate} では、上限 {limit} のカウンタは {period} ごとに一巡します。長い停止の後はカウントがあいまい"
            "になります。"
        ),
        why=(
            "While the gateway is off for longer than one round of the counter, nobody can know how many "
            "rounds were missed."
        ),
        do="Use a 32-bit counter, or keep the gateway on an uninterruptible supply.",
        example="fast: {at: 40108, type: uint16, counter: {max_rate: 50/s}}",
    ),
    "environment-not-a-number": Message(
        zh="{point} 是{what}：环境以数字计量。",
        ja="{point} は{what}です。環境は数値で測ります。",
        why="Temperature, humidity and the like are numbers; texts and counters of pieces are not kept as environment.",
        do="Name points that measure something.",
        example="P-1: {device: press1, environment: [press1/order, press1/good, …]}",
    ),
    "behind-the-host": Message(
        zh="'{word}' 的主机后面还有内容。",
        ja="'{word}' のホストの後に余分な部分があります。",
        why="The URL says only where the other side is; files, users and paths have keys of their own.",
        do="Write scheme, host and port alone.",
        example="broker: mqtt://10.1.2.3/camera",
    ),
    "several-colons": Message(
        zh="'{word}' 有多个冒号：端口从哪里开始？",
        ja="'{word}' にコロンが複数あります。ポートはどこからですか。",
        why="An IPv6 address has colons itself, so that its port cannot be told apart without brackets.",
        do="Write an IPv6 address in brackets, or one colon only.",
        example="url: https://fe80::1:443",
    ),
    "stands-without": Message(
        zh="写了 `{key}` 却没有 `{other}`：两者要一起写。",
        ja="`{key}` に `{other}` がありません。二つは組で使います。",
        why="A certificate proves nothing without its private key, and the other way round.",
        do="Name both files, or neither.",
        example="client_key: !file certs/gateway.key",
    ),
    "password-without-user": Message(
        zh="写了 `password` 却没有 `user`。",
        ja="`password` に `user` がありません。",
        why="A password belongs to a user.",
        do="Write the user, too.",
        example="collector: {…, password: geheim, …}",
    ),
    "key-of-encryption": Message(
        zh="`{key}` 用于加密连接。",
        ja="`{key}` は暗号化接続用です。",
        why="Without TLS there is no certificate to check or to show.",
        do="Write the encrypted URL, or leave the key out.",
        example='server_fingerprint: "AB:12:…"',
    ),
    "password-in-clear": Message(
        zh="密码会以明文经过网络：{scheme}:// 不加密。",
        ja="パスワードがそのままネットワークを流れます。{scheme}:// は暗号化されません。",
        why="Who can reach the network can read the password.",
        do="Encrypt the connection where the other side can; else keep the network closed.",
        example="collector: {…, password: geheim, …}",
    ),
    "not-a-fingerprint": Message(
        zh="'{word}' 不是证书的 SHA-256：应为 64 个十六进制数字。",
        ja="'{word}' は証明書の SHA-256 ではありません。16 進数 64 桁です。",
        why="Only the whole fingerprint tells one certificate from all others.",
        do="Copy it from the other side, not over the network that you do not trust yet.",
        example='server_fingerprint: "sha256:ab12"',
    ),
    "not-thinned-out": Message(
        zh="{what}不做抽稀：它的每次变化都重要。",
        ja="{what}は間引きません。すべての変化に意味があります。",
        why="A deadband would hide pieces, switches or names; it is for measured numbers such as temperatures.",
        do="Leave the key out.",
        example="parts: {at: 40001, type: uint32, counter: {max_rate: 40/min}, deadband: 2}",
    ),
    "interval-too-short": Message(
        zh="有 {snippet} 时，不可能至少每 {most} 报告一次。",
        ja="{snippet} では、少なくとも {most} ごとに報告することはできません。",
        why="The longest time between two reports cannot be below the shortest one.",
        do="Raise max_interval, or lower min_interval.",
        example="crossed: {at: 30007, type: int16, min_interval: 1min, max_interval: 10s}",
    ),
}
