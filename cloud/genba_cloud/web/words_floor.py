"""Words of the pages of stations and of stock-takes: see `words`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ZH: Final[Mapping[str, str]] = {
    "stock.link": "盘点",
    "stock.last": "盘点 {count}（{time}）",
    "stock.title": "盘点：{zone}",
    "stock.count": "清点到的件数",
    "stock.ago": "几分钟前清点的",
    "stock.button": "录入盘点",
    "stock.hint": "此后进出的件数会由网关继续计算。",
    "stock.unknown": "不认识区域 {zone}，或时间不对。",
    "stock.not_allowed": "区域 {zone} 不允许盘点。",
    "stations.title": "工位",
    "stations.question": "各工位在做什么？",
    "stations.none": "还没有工位报告状态",
    "stations.window": "{since} 至 {until}，每条竖线为整点",
    "stations.more": "更多工位",
    "stations.link": "工位状态",
    "stations.utilisation": "利用率",
    "stations.utilisation_is": "利用率 = 运行时间 ÷ 已知时间。未知时间单独计算，绝不算作空闲。",
}
JA: Final[Mapping[str, str]] = {
    "stock.link": "棚卸",
    "stock.last": "棚卸 {count}（{time}）",
    "stock.title": "棚卸：{zone}",
    "stock.count": "数えた個数",
    "stock.ago": "何分前に数えましたか",
    "stock.button": "棚卸を登録",
    "stock.hint": "その後の出入りはゲートウェイが数え続けます。",
    "stock.unknown": "ゾーン {zone} が分からないか、時刻が正しくありません。",
    "stock.not_allowed": "ゾーン {zone} は棚卸できません。",
    "stations.title": "ステーション",
    "stations.question": "各ステーションは何をしている？",
    "stations.none": "状態を報告したステーションはまだありません",
    "stations.window": "{since} から {until} まで。縦線は毎正時です",
    "stations.more": "ほかのステーション",
    "stations.link": "ステーションの状態",
    "stations.utilisation": "稼働率",
    "stations.utilisation_is": "稼働率 = 稼働時間 ÷ 分かっている時間。不明な時間は別に数え、待機とはみなしません。",
}
EN: Final[Mapping[str, str]] = {
    "stock.link": "stock-take",
    "stock.last": "counted {count} ({time})",
    "stock.title": "Stock-take: {zone}",
    "stock.count": "Pieces counted",
    "stock.ago": "Minutes since they were counted",
    "stock.button": "Enter the stock-take",
    "stock.hint": "What came in and went out since then is added by the gateway.",
    "stock.unknown": "Zone {zone} is not known, or the time is not possible.",
    "stock.not_allowed": "Zone {zone} does not allow stock-takes.",
    "stations.title": "Stations",
    "stations.question": "What is each station doing?",
    "stations.none": "No station has told its state yet",
    "stations.window": "{since} to {until}; a vertical line is a full hour",
    "stations.more": "More stations",
    "stations.link": "What the stations do",
    "stations.utilisation": "utilisation",
    "stations.utilisation_is": "Utilisation = running ÷ known time. Unknown time is counted by itself, never as idle.",
}
