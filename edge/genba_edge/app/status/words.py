"""Every word of the status page in English, Chinese and Japanese; a test compares the three."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NAMES: Final[Mapping[str, str]] = {"en": "English", "zh": "中文", "ja": "日本語"}

# key: English, Chinese, Japanese
_TABLE: Final[Mapping[str, tuple[str, str, str]]] = {
    "title": ("Gateway", "网关", "ゲートウェイ"),
    "devices": ("Devices", "设备", "装置"),
    "stations": ("Stations", "工位", "ステーション"),
    "findings": ("The map is doubtful", "点表存疑", "マップの疑わしい点"),
    "sureness.certain": ("certain", "确定", "確実"),
    "sureness.likely": ("likely", "很可能", "おそらく"),
    "events": ("Latest events", "最近事件", "最近のイベント"),
    "devices.answer": ("{up} of {all} answer", "{all} 台中 {up} 台在线", "{all} 台中 {up} 台が応答"),
    "outbox": ("Outbox", "待发队列", "送信待ち"),
    "outbox.empty": ("all delivered", "全部已送达", "すべて送信済み"),
    "outbox.waiting": ("{count} events wait", "{count} 条事件待发", "{count} 件が待機"),
    "outbox.full": ("disk full", "磁盘已满", "ディスク満杯"),
    "outbox.full_since": (
        "for {age}: read on, not stored",
        "已 {age}：继续读取，未保存",
        "{age}前から：読み取りは継続、未保存",
    ),
    "outbox.dropped": ("{count} dropped, declared", "已丢弃 {count} 条（已声明）", "{count} 件を破棄（申告済み）"),
    "outbox.oldest": ("oldest {age}", "最早 {age}前", "最古 {age}前"),
    "uplink": ("Uplink", "上行连接", "上り接続"),
    "uplink.up": ("connected", "已连接", "接続中"),
    "uplink.down": ("not connected", "未连接", "未接続"),
    "uplink.none": ("none: events go to a file", "无：事件写入文件", "なし：ファイルに出力"),
    "clock": ("Clock", "时钟", "時計"),
    "clock.yes": ("synchronised", "已同步", "同期済み"),
    "clock.no": ("not synchronised", "未同步", "未同期"),
    "clock.unknown": ("not known here", "无法得知", "不明"),
    "map": ("Map", "设备表", "デバイスマップ"),
    "up": ("running for {age}", "已运行 {age}", "稼働 {age}"),
    "recording": ("Recording to", "正在记录到", "記録先"),
    "recording.ended": ("Recording ended", "记录已停止", "記録は停止"),
    "failures": ("Not derived", "无法推导", "導出失敗"),
    "device": ("Device", "设备", "装置"),
    "status": ("Status", "状态", "状態"),
    "since": ("since {time}", "自 {time}", "{time} から"),
    "age": ("Data age", "数据时效", "データの古さ"),
    "polls": ("Polls", "轮询", "ポーリング"),
    "late": ("Late", "超时轮询", "遅延"),
    "failed": ("Failures", "故障", "失敗"),
    "poll.time": ("Poll time, last 10 min", "轮询耗时（最近 10 分钟）", "ポーリング時間（直近10分）"),
    "poll.most": ("most {time}", "最长 {time}", "最大 {time}"),
    "connecting": ("connecting", "连接中", "接続待ち"),
    "online": ("online", "在线", "オンライン"),
    "lost": ("lost", "失联", "応答なし"),
    "address": ("Address", "地址", "アドレス"),
    "connects": ("Connections made", "建立连接次数", "接続回数"),
    "requests": ("Requests", "请求数", "要求数"),
    "samples": ("Readings", "读数", "読み取り数"),
    "reason": ("Reason", "原因", "理由"),
    "point": ("Point", "点位", "ポイント"),
    "value": ("Value", "值", "値"),
    "quality": ("Quality", "质量", "品質"),
    "changed": ("Value since", "该值始于", "この値になった時刻"),
    "read": ("Last read", "最近读取", "最終読み取り"),
    "reported": ("Last reported", "最近上报", "最終報告"),
    "good": ("good", "良好", "良好"),
    "uncertain": ("uncertain", "不确定", "不確か"),
    "bad": ("bad", "坏", "不良"),
    "never": ("never yet", "尚无", "まだなし"),
    "more.points": (
        "{count} more points: see /status.json",
        "另有 {count} 个点位：见 /status.json",
        "他 {count} ポイント：/status.json を参照",
    ),
    "points.count": ("{count} points, {bad} bad", "{count} 个点位，{bad} 个坏", "{count} ポイント（不良 {bad}）"),
    "antenna": ("Antenna", "天线", "アンテナ"),
    "tag": ("Last tag", "最近标签", "最後のタグ"),
    "rssi": ("Signal", "信号", "信号"),
    "time": ("Time", "时间", "時刻"),
    "what": ("Event", "事件", "イベント"),
    "where": ("Where", "位置", "場所"),
    "more": ("Details", "详情", "詳細"),
    "events.none": ("none yet", "尚无", "まだありません"),
    "language": ("Language", "语言", "言語"),
    "zone": ("Times are in {zone}", "时间以 {zone} 为准", "時刻は {zone}"),
    "stale": ("No answer since {time}", "{time} 起无响应", "{time} から応答なし"),
    "seconds": ("{count} s", "{count} 秒", "{count} 秒"),
    "minutes": ("{count} min", "{count} 分钟", "{count} 分"),
    "hours": ("{count} h", "{count} 小时", "{count} 時間"),
    "days": ("{count} d", "{count} 天", "{count} 日"),
    "state.running": ("running", "运行", "稼働"),
    "state.idle": ("idle", "空闲", "待機"),
    "state.setup": ("setup", "换型", "段取り"),
    "state.down": ("down", "停机", "停止"),
    "state.blocked": ("blocked", "堵塞", "ブロック"),
    "state.off": ("off", "关机", "電源オフ"),
    "state.unknown": ("unknown", "未知", "不明"),
    "failure.connect": ("no connection", "无法连接", "接続不可"),
    "failure.closed": ("connection closed", "连接中断", "切断"),
    "failure.timeout": ("no answer in time", "响应超时", "応答時間切れ"),
    "failure.silent": ("silent", "无声", "無音"),
    "failure.refused": ("refused", "拒绝", "拒否"),
    "failure.busy": ("busy", "忙", "ビジー"),
    "failure.out_of_step": ("out of step", "报文错位", "応答ずれ"),
    "failure.bad_reading": ("unreadable value", "值无法解读", "値が不正"),
    "failure.security": ("security", "安全", "セキュリティ"),
    "failure.overload": ("overload", "过载", "過負荷"),
    "failure.data_lost": ("readings lost", "读数丢失", "読み取り欠落"),
    "result.good": ("good", "良品", "良品"),
    "result.scrap": ("scrap", "废品", "不良"),
    "result.rework": ("rework", "返工", "手直し"),
    "event.pieces_counted": ("pieces counted", "计件", "個数"),
    "event.node_started": ("node started", "工序开始", "工程開始"),
    "event.node_completed": ("node completed", "工序完成", "工程完了"),
    "event.station_state_changed": ("station state", "工位状态", "ステーション状態"),
    "event.station_changed_over": ("change-over", "换产", "段取り替え"),
    "event.wip_changed": ("WIP", "在制品", "仕掛品"),
    "event.dispatch_opened": ("work opened", "派工开始", "割当開始"),
    "event.dispatch_closed": ("work closed", "派工结束", "割当終了"),
    "event.tag_bound": ("tag bound", "标签绑定", "タグ紐付け"),
    "event.tag_unbound": ("tag released", "标签解绑", "タグ解除"),
    "event.tag_passed": ("tag passed", "标签通过", "タグ通過"),
    "event.data_gap_seen": ("not observed", "未观测", "観測なし"),
    "event.data_questioned": ("data questioned", "数据存疑", "データ疑義"),
}

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    language: {key: row[column] for key, row in _TABLE.items()} for column, language in enumerate(NAMES)
}


def language_of(asked: str, accepted: str) -> str:
    """The language of a page: what the address asks for (``?lang=``), or what the browser prefers, or English."""
    if asked in NAMES:
        return asked
    wishes: list[tuple[float, int, str]] = []
    for place, item in enumerate(accepted[:200].split(",")):
        tag, _, weight = item.strip().partition(";q=")
        try:
            wishes.append((-float(weight or 1), place, tag.partition("-")[0].lower()))
        except ValueError:
            continue
    return next((tag for _, _, tag in sorted(wishes) if tag in NAMES), "en")
