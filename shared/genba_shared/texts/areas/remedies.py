"""What to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genba_shared.texts.entry import Phrase

REMEDIES: Final[Mapping[str, Phrase]] = {
    "write": Phrase(zh="请写 {snippet}。", ja="{snippet} と書いてください。"),
    "write-longer": Phrase(
        zh="请写更长的时间，例如 {example}。", ja="もっと長い時間を書いてください（例：{example}）。"
    ),
    "write-like": Phrase(zh="请按这样写：{example}。", ja="{example} のように書いてください。"),
    "write-like-or": Phrase(
        zh="请按这样写：{example}，或 {other}。",
        ja="{example}、または {other} のように書いてください。",
    ),
    "write-one-of": Phrase(
        zh="请写其中之一，或在那里添加 '{word}'。",
        ja="この中から選ぶか、そこに '{word}' を追加してください。",
    ),
    "write-or-another": Phrase(zh="请写 {snippet} 或其他整数类型。", ja="{snippet} など、整数の型を書いてください。"),
    "write-or-as-in-plc": Phrase(
        zh="请写 {snippet}，或 PLC 程序中声明的类型。",
        ja="{snippet} のように、PLC プログラムで宣言した型を書いてください。",
    ),
    "write-or-more": Phrase(
        zh="如果设备允许，请写 {snippet} 或更大的值。",
        ja="装置が対応していれば、{snippet} またはそれ以上を書いてください。",
    ),
    "write-at-a-device": Phrase(
        zh="请在某个设备处写 {snippet}。",
        ja="いずれかの装置に {snippet} と書いてください。",
    ),
    "write-at-device": Phrase(zh="请把 `{key}` 写在设备处。", ja="`{key}` は装置に書いてください。"),
    "write-one-or-none": Phrase(zh="请写一个，或去掉这个键。", ja="一つ書くか、このキーを削除してください。"),
    "write-one-or-add-group": Phrase(
        zh="请写其中之一，或在 `poll` 中添加 {group} 及其周期。",
        ja="この中から選ぶか、`poll` に {group} とその周期を追加してください。",
    ),
    "write-state-in-labels": Phrase(
        zh="请在该点位的 labels 中写其中之一。",
        ja="ポイントの labels にこの中のどれかを書いてください。",
    ),
    "write-namespace-uri": Phrase(
        zh="请把命名空间写成 URI：{example}。",
        ja="名前空間を URI で書いてください：{example}。",
    ),
    "write-in-one-line": Phrase(
        zh="请写成一行，不用反斜杠转义。",
        ja="バックスラッシュを使わず、一行で書いてください。",
    ),
    "write-plain-digits": Phrase(
        zh="请写普通的十进制数字，如 12 或 0.5，或写{quoted}。",
        ja="12 や 0.5 のような十進数か、{quoted} を書いてください。",
    ),
    "write-plainly": Phrase(zh="请直接写出内容。", ja="そのまま書き下してください。"),
    "write-settings-out": Phrase(zh="请在这里直接写出它的各项设置。", ja="その設定をここに書き下してください。"),
    "write-a-profile": Phrase(
        zh="请写一个模板，然后用 `use:` 引用。",
        ja="プロファイルを書き、`use:` で参照してください。",
    ),
    "free-text": Phrase(
        zh="请按这样写：{example}；自由文字写在 `label` 中。",
        ja="{example} のように書いてください。自由な文字は `label` に書きます。",
    ),
    "meant": Phrase(zh="是不是想写 {snippet}？", ja="{snippet} のことですか？"),
    "meant-word": Phrase(zh="是不是想写 '{word}'？", ja="'{word}' のことですか？"),
    "meant-or": Phrase(zh="是不是想写 {snippet}，或 {other}？", ja="{snippet}、または {other} のことですか？"),
    "meant-protocol-address": Phrase(
        zh="是不是想写 {snippet}，即从 0 起算的协议地址？",
        ja="0 から数えるプロトコルアドレスの {snippet} のことですか？",
    ),
    "add": Phrase(zh="请添加 {snippet}。", ja="{snippet} を追加してください。"),
    "add-bit": Phrase(zh="请添加 {snippet}（0 到 15）。", ja="{snippet} を追加してください（0 から 15）。"),
    "add-max-rate": Phrase(
        zh="请添加 {snippet}，即机器最多能做到的速率。",
        ja="機械が出せる最大の速度を {snippet} のように追加してください。",
    ),
    "add-to-point": Phrase(zh="请在该点位添加 {snippet}。", ja="そのポイントに {snippet} を追加してください。"),
    "add-to-point-or-write": Phrase(
        zh="请在该点位添加 {snippet}，或写 {other}。",
        ja="そのポイントに {snippet} を追加するか、{other} と書いてください。",
    ),
    "add-to-counts": Phrase(
        zh="请在它的 `counts` 中添加 {result}。",
        ja="その `counts` に {result} を追加してください。",
    ),
    "add-profile": Phrase(
        zh="请在 `profiles` 中添加 '{word}'，或去掉 `use`。",
        ja="`profiles` に '{word}' を追加するか、`use` を削除してください。",
    ),
    "use-key": Phrase(zh="请用 `{key}`。", ja="`{key}` を使ってください。"),
    "use-32-bit": Phrase(
        zh="如果 PLC 有 32 位计数器，请使用它。",
        ja="PLC に 32 ビットのカウンタがあれば、それを使ってください。",
    ),
    "read-faster-or-32-bit": Phrase(
        zh="请更频繁地读取，或在 PLC 有 32 位计数器时使用它。",
        ja="もっと頻繁に読むか、PLC に 32 ビットのカウンタがあれば使ってください。",
    ),
    "read-together": Phrase(zh="在该按钮处写 {snippet}。", ja="ボタンの方に {snippet} と書いてください。"),
    "leave-out": Phrase(zh="请去掉 `{key}`。", ja="`{key}` を削除してください。"),
    "leave-out-for-now": Phrase(zh="请先去掉它。", ja="今は削除してください。"),
    "modbus-has-no-time": Phrase(
        zh="请去掉：Modbus 不传时间，使用网关的时间。",
        ja="削除してください。Modbus は時刻を運ばないため、ゲートウェイの時刻を使います。",
    ),
    "llrp-has-time": Phrase(
        zh="请去掉：读取记录自带读写器的 UTC 时间。",
        ja="削除してください。読取記録にはリーダの UTC 時刻が付いています。",
    ),
    "point-for-each-bit": Phrase(zh="请为每个 `bit` 写一个点位。", ja="`bit` ごとにポイントを一つ書いてください。"),
    "name-reset-bit": Phrase(
        zh="请指定清零按钮的那一位，或为运行时间写 {snippet}。",
        ja="リセットボタンのビットを指定するか、稼働時間なら {snippet} と書いてください。",
    ),
    "name-what-resets": Phrase(
        zh="请指定清零按钮、运行时间或启动时间，或不写 `reset_by`。",
        ja="リセットボタン、稼働時間、起動時刻のどれかを指定するか、`reset_by` を省いてください。",
    ),
    "name-other-counter": Phrase(zh="请指定另一个计数器。", ja="別のカウンタを指定してください。"),
    "name-another-point": Phrase(zh="请指定另一个点位。", ja="別のポイントを指定してください。"),
    "name-station-behind": Phrase(zh="请指定区域后面的工位。", ja="ゾーンの後のステーションを指定してください。"),
    "name-station-or-write": Phrase(
        zh="请指定一个有 {snippet} 的工位，或写 {other}。",
        ja="{snippet} のあるステーションを指定するか、{other} と書いてください。",
    ),
    "name-zone-or-write": Phrase(
        zh="请指定有 enter 和 leave 的区域，或写 {other}。",
        ja="enter と leave のあるゾーンを指定するか、{other} と書いてください。",
    ),
    "antenna-on-each-side": Phrase(
        zh="请在两侧各用一副天线，各有自己的读取点。",
        ja="両側にアンテナを一つずつ置き、それぞれに読取ポイントを付けてください。",
    ),
    "join-conditions": Phrase(zh="请写 {snippet} 或 {other}。", ja="{snippet} か {other} と書いてください。"),
    "join-with-pieces": Phrase(zh="请与另一个条件连接：{snippet}。", ja="別の条件とつないでください：{snippet}。"),
    "write-condition-alone": Phrase(
        zh="请直接写该条件，不用 `{key}`。", ja="`{key}` を使わず、条件だけを書いてください。"
    ),
    "write-fewer-levels": Phrase(zh="请减少条件的嵌套层数。", ja="条件の入れ子を減らしてください。"),
    "write-dispatch-or-point": Phrase(
        zh="请写 {snippet}：标签仍会带来自己的工单。",
        ja="{snippet} と書いてください。タグの作業指示はそのまま使われます。",
    ),
    "write-good-or-count": Phrase(
        zh="请写 {snippet}，或在工位的 `counts` 中添加 `scrap`。",
        ja="{snippet} と書くか、ステーションの `counts` に `scrap` を追加してください。",
    ),
    "name-last-zone": Phrase(zh="请指定标签最后离开的区域。", ja="タグが最後に出るゾーンを指定してください。"),
    "name-zone-of-node": Phrase(zh="请指定该工序的区域。", ja="この工程のゾーンを指定してください。"),
    "name-a-bit": Phrase(
        zh="请指定 bool 类型的点位，如字中的一位。", ja="ワードの1ビットなど、bool のポイントを指定してください。"
    ),
    "one-station-on-device": Phrase(
        zh="请让该工序在点位所属设备上只有一个工位。",
        ja="ポイントの装置にあるこの工程のステーションを一つにしてください。",
    ),
    "add-state": Phrase(zh="请在工位中添加 {snippet}。", ja="ステーションに {snippet} を追加してください。"),
    "begin-with-dash": Phrase(
        zh="每个设备以短横线开头：`- id: cutter1`。",
        ja="装置ごとにハイフンで始めてください：`- id: cutter1`。",
    ),
    "update-or-write": Phrase(
        zh="请更新 genba，或写 {snippet}。",
        ja="genba を更新するか、{snippet} と書いてください。",
    ),
    "the-usual-one": Phrase(zh="通常是 {port}。", ja="通常は {port} です。"),
    "take-quotes-away": Phrase(zh="请去掉引号。", ja="引用符を外してください。"),
    "delete-it": Phrase(zh="请删除它。", ja="削除してください。"),
    "delete-or-look-up": Phrase(
        zh="请删除它，或查阅 docs/device-map.md。",
        ja="削除するか、docs/device-map.md で調べてください。",
    ),
    "delete-or-join": Phrase(zh="请删除其中一个，或合并两者。", ja="どちらかを削除するか、一つにまとめてください。"),
    "delete-one-of-two": Phrase(zh="请删除其中一个。", ja="どちらかを削除してください。"),
    "delete-tag": Phrase(zh="请删除以 '!' 开头的词。", ja="'!' で始まる語を削除してください。"),
    "look-at-syntax": Phrase(
        zh="请检查这一行和上一行：缩进、':' 后缺空格、引号或括号未闭合。",
        ja="この行と前の行を確認してください：字下げ、':' の後の空白、閉じていない引用符や括弧。",
    ),
    "look-for-backslash": Phrase(
        zh="请查找双引号中的反斜杠。",
        ja="二重引用符の中のバックスラッシュを探してください。",
    ),
    "no-tabs": Phrase(
        zh="请用空格缩进：YAML 不接受制表符。",
        ja="字下げには空白を使ってください。YAML ではタブを使えません。",
    ),
    "one-document": Phrase(
        zh="请删除 '---' 这一行：一份点表就是一个文档。",
        ja="'---' の行を削除してください。マップは一つの文書です。",
    ),
    "how-to-start": Phrase(
        zh="请以 `version: 1` 开头，然后写 gateway 和 devices；见 docs/device-map.md。",
        ja="`version: 1` で始め、gateway と devices を続けてください。docs/device-map.md を参照してください。",
    ),
    "split-the-map": Phrase(
        zh="请拆分：每个网关一份点表，或一个文件夹中的多个文件。",
        ja="ゲートウェイごとに一つのマップに分けるか、フォルダの中の複数のファイルに分けてください。",
    ),
    "check-name": Phrase(zh="请检查文件名和读取权限。", ja="ファイル名と読み取り権限を確認してください。"),
    "save-as-utf-8": Phrase(
        zh="请另存为 UTF-8；编辑器也可能存成了 GBK 或 Shift-JIS。",
        ja="UTF-8 で保存し直してください。エディタによっては GBK や Shift-JIS で保存されます。",
    ),
    "write-point-or-changes": Phrase(
        zh="按钮请写 {snippet}，启动时间请写 {other}。",
        ja="ボタンなら {snippet}、起動時刻なら {other} と書いてください。",
    ),
    "name-measured-point": Phrase(zh="请指定温度之类的点位。", ja="温度などのポイントを指定してください。"),
    "rename-to": Phrase(zh="请改名为 {word}。", ja="{word} に名前を変えてください。"),
    "name-file-or-folder": Phrase(
        zh="请指定一个文件，或另一个文件夹。",
        ja="ファイルか、別のフォルダを指定してください。",
    ),
    "join-files": Phrase(zh="请合并其中一些。", ja="いくつかをまとめてください。"),
    "check-rights": Phrase(zh="请检查它的权限。", ja="権限を確認してください。"),
    "write-out-like": Phrase(zh="请直接写出，如 {example}。", ja="{example} のように、そのまま書いてください。"),
    "secret-in-quotes": Phrase(
        zh="请把密码写在单引号中：{snippet}（其中的单引号写两次）。",
        ja="秘密情報を一重引用符で囲んでください：{snippet}（中の一重引用符は二つ重ねます）。",
    ),
    "add-secret": Phrase(
        zh="请在 {file}（chmod 600）中添加 {snippet}，或设置 {variable}。",
        ja="{file}（chmod 600）に {snippet} を追加するか、{variable} を設定してください。",
    ),
    "check-file-name": Phrase(
        zh="请检查名称；路径从点表所在的文件夹算起。",
        ja="名前を確認してください。パスはマップのフォルダから数えます。",
    ),
    "give-right": Phrase(
        zh="请给运行 genba 的用户读取权限。",
        ja="genba を動かすユーザに読み取り権限を与えてください。",
    ),
    "run-command": Phrase(zh="请运行 {snippet}。", ja="{snippet} を実行してください。"),
    "only-secrets": Phrase(zh="其中只放密码。", ja="秘密情報だけを入れてください。"),
    "leave-in-or-out": Phrase(
        zh="可以留给以后的版本，也可以去掉。",
        ja="今後のバージョンのために残すか、削除してください。",
    ),
    "keep-better": Phrase(zh="请保留更可靠的一个。", ja="より確かな方を残してください。"),
    "no-full-width-signs": Phrase(
        zh="请写 ':' 和 ','，后面加空格，不要用中文或日文键盘的全角符号。",
        ja="全角の記号ではなく、':' と ',' を書き、後に空白を入れてください。",
    ),
    "write-or": Phrase(zh="请写 {snippet}，或 {other}。", ja="{snippet}、または {other} と書いてください。"),
    "write-or-leave-out": Phrase(
        zh="请写 {snippet}，或去掉 `{key}`。",
        ja="{snippet} と書くか、`{key}` を削除してください。",
    ),
    "write-as-at-device": Phrase(
        zh="请写设备上设定的站号：{snippet}。",
        ja="装置に設定した番号を書いてください：{snippet}。",
    ),
    "pick-fewer-bits": Phrase(zh="请少选几位。", ja="ビットを減らしてください。"),
    "write-same": Phrase(zh="请在两处写相同的 `{key}`。", ja="両方に同じ `{key}` を書いてください。"),
    "write-true-or-false": Phrase(
        zh="请写 true 或 false，不带引号。",
        ja="true か false を、引用符なしで書いてください。",
    ),
    "serial-or-host": Phrase(
        zh="请在设备处写 `serial` 或 `host` 之一。",
        ja="装置に `serial` か `host` のどちらかを書いてください。",
    ),
    "write-snippet-at-device": Phrase(zh="请在设备处写 {snippet}。", ja="装置に {snippet} と書いてください。"),
    "write-bare-url": Phrase(
        zh="请写 {snippet}；其他内容有各自的键。",
        ja="{snippet} と書いてください。ほかの設定には専用のキーがあります。",
    ),
    "ipv6-in-brackets": Phrase(
        zh="请写 {snippet}，IPv6 地址加方括号。",
        ja="{snippet} と書いてください。IPv6 アドレスは角括弧で囲みます。",
    ),
    "write-unless-passing": Phrase(
        zh="除非标签只是经过，否则请写 {snippet}。",
        ja="タグが通過するだけの場合を除き、{snippet} と書いてください。",
    ),
    "keep-fingerprint": Phrase(
        zh="读写器自签的证书请保留 server_fingerprint。",
        ja="リーダの自己署名証明書には server_fingerprint を残してください。",
    ),
    "write-if-reader-can": Phrase(
        zh="如果读写器支持，请写 {snippet}。",
        ja="リーダが対応していれば、{snippet} と書いてください。",
    ),
    "write-if-broker-can": Phrase(
        zh="如果代理支持，请写 {snippet}。",
        ja="ブローカが対応していれば、{snippet} と書いてください。",
    ),
    "leave-out-or-write": Phrase(zh="请去掉它，或写 {snippet}。", ja="削除するか、{snippet} と書いてください。"),
    "power-at-reader": Phrase(
        zh="请在读写器上设定发射功率：该协议只接收。",
        ja="送信出力はリーダで設定してください。このプロトコルは受信だけです。",
    ),
    "write-as-printed": Phrase(
        zh="请按这样写：{example}，即 `{snippet}` 的输出。",
        ja="`{snippet}` が表示するとおり、{example} のように書いてください。",
    ),
    "write-as-reader-shows": Phrase(
        zh="请按读写器自己的页面所示填写。",
        ja="リーダの画面に表示されるとおりに書いてください。",
    ),
    "sends-at-once": Phrase(
        zh="请去掉：该读写器立即发送每次读取。",
        ja="削除してください。このリーダは読取をすぐに送ります。",
    ),
    "set-in-preset": Phrase(zh="请在读写器的预设中设定 {key}。", ja="{key} はリーダのプリセットで設定してください。"),
    "publishes-when-it-wants": Phrase(
        zh="请去掉：设备自行决定何时发布。",
        ja="削除してください。いつ発行するかは装置が決めます。",
    ),
    "time-in-tags-or-point": Phrase(
        zh="请在 `tags_from` 中写 `time`，或在点位写 `time_field`。",
        ja="`tags_from` に `time` を書くか、ポイントに `time_field` を書いてください。",
    ),
    "write-in-place-of": Phrase(
        zh="请用 {snippet} 代替 `{key}`。",
        ja="`{key}` の代わりに {snippet} と書いてください。",
    ),
    "write-browse-path": Phrase(
        zh="请按这样写：{example}；名称中的 '/' 写成 '&/'。",
        ja="{example} のように書いてください。名前の中の '/' は '&/' と書きます。",
    ),
    "leave-one-out": Phrase(zh="请去掉其中一个。", ja="どちらか一つを削除してください。"),
    "write-status-code": Phrase(
        zh="请按这样写：{example}，即 OPC 10000-6 A.2 中该状态的编号。",
        ja="{example} のように書いてください。OPC 10000-6 A.2 にあるステータスの番号です。",
    ),
    "fingerprint-from-server": Phrase(
        zh="请从首次连接的日志行或服务器的证书页面复制。",
        ja="最初の接続のログ行か、サーバの証明書のページからコピーしてください。",
    ),
    "write-and-switch-on": Phrase(
        zh="请写 {snippet}，并在服务器上启用它。",
        ja="{snippet} と書き、サーバで有効にしてください。",
    ),
    "write-at-least": Phrase(zh="请写 {snippet} 或更长。", ja="{snippet} またはそれより長く書いてください。"),
}
