"""Words of the page of the bottleneck: see `words`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ZH: Final[Mapping[str, str]] = {
    "bottleneck.title": "瓶颈",
    "bottleneck.link": "瓶颈与负荷",
    "bottleneck.question": "现在工作堵在哪里？",
    "bottleneck.none": "还没有知道工作中心或工位的未完成工序",
    "bottleneck.stands_out": "{name} 的等待明显多于其他工作中心",
    "bottleneck.flat": "没有哪个工作中心明显突出",
    "bottleneck.machines": "机器 {count} 台",
    "bottleneck.detail": "等待 {waiting} 道工序，进行中 {running} 道，还会到来 {coming}",
    "bottleneck.centre": "工作中心",
    "bottleneck.weeks": "负荷 ÷ 产能（按周）",
    "bottleneck.week": "{begin} 起的一周：负荷 {load}，产能 {capacity}",
    "bottleneck.is": "等待 = 已到、尚未开工的标准工时 ÷ 机器台数。利用率只作说明，不参与排序。",
    "bottleneck.weeks_are": "工序按机器空闲时的开工时间归入各周；超过 100 % 的会顺延。这是预测，不是承诺。",
}
JA: Final[Mapping[str, str]] = {
    "bottleneck.title": "ボトルネック",
    "bottleneck.link": "ボトルネックと負荷",
    "bottleneck.question": "いまどこで仕事が待っている？",
    "bottleneck.none": "ワークセンターかステーションの分かる未完了の工程はまだありません",
    "bottleneck.stands_out": "{name} の待ちがほかより明らかに多くなっています",
    "bottleneck.flat": "目立って多いワークセンターはありません",
    "bottleneck.machines": "機械 {count} 台",
    "bottleneck.detail": "待ち {waiting} 工程、作業中 {running} 工程、これから {coming}",
    "bottleneck.centre": "ワークセンター",
    "bottleneck.weeks": "負荷 ÷ 能力（週ごと）",
    "bottleneck.week": "{begin} からの週：負荷 {load}、能力 {capacity}",
    "bottleneck.is": "待ち = 届いていて未着手の標準作業時間 ÷ 機械の台数。稼働率は説明だけで、順位には使いません。",
    "bottleneck.weeks_are": "工程は機械が空いていれば始まる週に置きます。予測であり、約束ではありません。",
}
EN: Final[Mapping[str, str]] = {
    "bottleneck.title": "Bottleneck",
    "bottleneck.link": "Bottleneck and load",
    "bottleneck.question": "Where does work wait now?",
    "bottleneck.none": "No open node says at which work centre or station it runs",
    "bottleneck.stands_out": "Clearly more work waits at {name} than elsewhere",
    "bottleneck.flat": "No work centre stands out",
    "bottleneck.machines": "machines: {count}",
    "bottleneck.detail": "nodes waiting {waiting}, running {running}; still to come {coming}",
    "bottleneck.centre": "Work centre",
    "bottleneck.weeks": "Load ÷ capacity, by week",
    "bottleneck.week": "week from {begin}: load {load}, capacity {capacity}",
    "bottleneck.is": "Waiting = standard work that is there and not begun ÷ machines. Utilisation only explains.",
    "bottleneck.weeks_are": "A node lies where it would run on a free machine. A forecast, not a promise.",
}
