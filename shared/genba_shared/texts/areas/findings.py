"""What a running gateway finds to be wrong in its map, by what the points read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genba_shared.texts.entry import Phrase

FINDINGS: Final[Mapping[str, Phrase]] = {
    "finding-wrong-order": Phrase(
        zh="{point} 读到 {values}；按 {order} 的顺序则为 {meant}。",
        ja="{point} の値は {values} です。{order} の順なら {meant} になります。",
    ),
    "finding-absurd-number": Phrase(
        zh="{point} 读到 {values}；按 {order} 的顺序则为 {meant}。",
        ja="{point} の値は {values} です。{order} の順なら {meant} になります。",
    ),
    "finding-write-order": Phrase(
        zh="写上设备发送的顺序：",
        ja="装置が送る順序を書きます：",
    ),
    "finding-try-order": Phrase(
        zh="写上设备发送的顺序；若之后的值与机器显示的不同，则是地址差一（genba edge probe）：",
        ja=("装置が送る順序を書きます。それでも機械の表示と違うなら、アドレスが一つずれています（genba edge probe）："),
    ),
    "finding-one-off": Phrase(
        zh="{moves}：地址{too}一。",
        ja="{moves}。アドレスが一つ{too}です。",
    ),
    "too-low": Phrase(zh="偏小", ja="小さい値"),
    "too-high": Phrase(zh="偏大", ja="大きい値"),
    "finding-high-word-of-other": Phrase(
        zh="{point} 的高位寄存器在计数，而紧靠其前的 {other} 不动",
        ja="{point} の上位レジスタが進み、その直前の {other} は動きません",
    ),
    "finding-low-word-of-other": Phrase(
        zh="{point} 的高位寄存器在计数，而低位寄存器自行变化了 {times} 次",
        ja="{point} の上位レジスタが進み、下位レジスタは {times} 回勝手に変わりました",
    ),
    "finding-strange-state": Phrase(
        zh="{point} 的高位寄存器在计数，而 {state} 读到没有 labels 的值 {value}",
        ja="{point} の上位レジスタが進み、{state} の値 {value} には labels がありません",
    ),
    "finding-order-is-right": Phrase(
        zh="{point} 的高位寄存器在计数，而顺序相同的 {other} 读数正确",
        ja="{point} の上位レジスタが進みますが、同じ順序の {other} は正しく読めています",
    ),
    "finding-other-base": Phrase(
        zh="厂家的寄存器从 {base} 起编号；以 {snippet} 书写的地址请加 {by}。",
        ja="メーカーはレジスタを {base} から数えています。{snippet} と書いたアドレスには {by} を足します。",
    ),
    "finding-next-address": Phrase(
        zh="写上相邻的地址，并检查该设备其他点位的地址：",
        ja="隣のアドレスを書き、この装置のほかのポイントも確かめます：",
    ),
    "finding-beyond-limit": Phrase(
        zh="{point} 读到 {value}；按点表它从 0 计到 {limit}。",
        ja="{point} の値は {value} です。マップでは 0 から {limit} まで数えます。",
    ),
    "finding-write-limit": Phrase(
        zh="写上回到 0 之前的最后一个值；没有 `limit` 时取类型的最大值。",
        ja="0 に戻る前の最後の値を書きます。`limit` がなければ型の最大値です。",
    ),
    "finding-unsigned": Phrase(
        zh="降到 0 以下的计数器是无符号的：类型写 uint16 或 uint32。",
        ja="0 を下回るカウンタは符号なしです。型を uint16 か uint32 にします。",
    ),
    "finding-counts-other-way": Phrase(
        zh="{point} 在 {changes} 次变化中从 {first} 到 {last}，其中 {falls} 次方向相同：实际{seen}，点表为{meant}。",
        ja=(
            "{point} は {changes} 回の変化で {first} から {last} へ動き、そのうち {falls} 回が同じ向きです。"
            "実際は{seen}、マップでは{meant}です。"
        ),
    ),
    "counts-down": Phrase(zh="减计数", ja="減算"),
    "counts-up": Phrase(zh="加计数", ja="加算"),
    "finding-turn-round": Phrase(zh="改变方向。", ja="向きを変えます。"),
    "finding-up-and-down": Phrase(
        zh="{point} 在 {least} 和 {most} 之间变化，上升 {rises} 次，下降 {falls} 次：这是测量值，不是计数。",
        ja=(
            "{point} は {least} と {most} の間で動き、{rises} 回上がり {falls} 回下がりました。"
            "数えた値ではなく測定値です。"
        ),
    ),
    "finding-no-counter": Phrase(
        zh="请指定计数的点位；测量值不写 `counter`。",
        ja="数えるポイントを指定します。測定値には `counter` を書きません。",
    ),
    "finding-faster-than-map": Phrase(
        zh="{point} 在 {passed} 内计了 {made} 次；按点表最多 {rate}：最近 {steps} 步中有 {beyond} 步超出范围而被暂扣。",
        ja=(
            "{point} は {passed} で {made} 回数えました。マップでは最大 {rate} です。"
            "最近の {steps} 回のうち {beyond} 回は範囲外として保留されました。"
        ),
    ),
    "finding-write-rate": Phrase(
        zh="写上机器能达到的最高速度；所见的两倍为：",
        ja="機械の出せる最大の速さを書きます。見た値の二倍は：",
    ),
    "finding-slower-than-map": Phrase(
        zh="{point} 在 {passed} 内计了 {counted} 次，从未快于 {peak}；点表允许 {rate}：误读出的许多件会被当真。",
        ja=(
            "{point} は {passed} で {counted} 回数え、{peak} より速かったことはありません。"
            "マップは {rate} まで許すので、読み誤りが個数として通ります。"
        ),
    ),
    "finding-write-lower-rate": Phrase(
        zh="写上机器能达到的最高速度；所见的三倍为：",
        ja="機械の出せる最大の速さを書きます。見た値の三倍は：",
    ),
    "finding-wraps-in-outage": Phrase(
        zh="{point} 最大 {limit}，按所见速度 {pace} 每 {wrap} 回绕一次，而设备失联了 {outage}：期间回绕几次无从得知。",
        ja=(
            "{point} は {limit} まで数え、見た速さ {pace} では {wrap} で一巡します。"
            "装置は {outage} 応答せず、その間に何回一巡したか分かりません。"
        ),
    ),
    "finding-wider-counter": Phrase(
        zh="PLC 若有 32 位计数器请用它，或用每个作业清零的计数器。",
        ja="PLC に 32 ビットのカウンタがあれば使うか、作業ごとにリセットされるものを使います。",
    ),
    "finding-short-pulse": Phrase(
        zh="{point} 接通 {pulses} 次，其中 {short} 次只被读到一次，读数间隔 {period}：两次读数之间的脉冲会丢失。",
        ja=(
            "{point} は {pulses} 回オンになり、{short} 回は一度の読み取りでしか見えませんでした。"
            "読み取りの間隔は {period} で、その間のパルスは失われます。"
        ),
    ),
    "finding-read-faster": Phrase(
        zh="每个脉冲内至少读两次，或让 PLC 保持更久。",
        ja="一つのパルスの間に二回以上読むか、PLC で長く保持します。",
    ),
    "finding-no-label": Phrase(
        zh="{point} 读到 {values}，没有对应的 labels；已有 {known}。",
        ja="{point} の値 {values} に対応する labels がありません。あるのは {known} です。",
    ),
    "finding-add-label": Phrase(
        zh="加上它在 PLC 中的含义；在此之前工位状态为未知：",
        ja="PLC での意味を加えます。それまでステーションの状態は不明です：",
    ),
    "finding-restless-job": Phrase(
        zh="{point} 是工序 {node} 的工单号，而最近 {changes} 次读数各不相同。",
        ja="{point} は工程 {node} の作業指示番号ですが、最近の {changes} 回の値はすべて違います。",
    ),
    "finding-name-job": Phrase(
        zh="请指定存放工单号的点位；此前可由派工给出：",
        ja="作業指示番号のあるポイントを指定します。それまでは割当から取れます：",
    ),
    "finding-still-while-running": Phrase(
        zh="{point} 停在 {value}，而 {state} 显示运行已有 {time}。",
        ja="{point} は {value} のままですが、{state} は {time} のあいだ稼働を示しました。",
    ),
    "finding-still-while-others-count": Phrase(
        zh="{point} 停在 {value}，而同一工位的 {other} 计了 {moved} 次。",
        ja="{point} は {value} のままですが、同じステーションの {other} は {moved} 回数えました。",
    ),
    "finding-still-while-next-counts": Phrase(
        zh="{point} 停在 {value}，而 {pieces} 件离开了区域 {zone}；该区域最多容纳 {most} 件，且没有其他来源。",
        ja=(
            "{point} は {value} のままですが、ゾーン {zone} から {pieces} 個が出ました。"
            "このゾーンは最大 {most} 個で、ほかに入るものはありません。"
        ),
    ),
    "finding-find-moving-point": Phrase(
        zh="请指定计数的点位：genba edge probe 显示机器运行时旁边哪些值在变化。",
        ja="数えるポイントを指定します。genba edge probe は機械の稼働中に隣で動く値を示します。",
    ),
}
