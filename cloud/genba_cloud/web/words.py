"""Every word on the pages, in Chinese (the source of keys), Japanese and English; a test compares the three."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from genba_cloud.web import (
    words_alerts,
    words_floor,
    words_forecast,
    words_orders,
    words_questions,
    words_reports,
    words_scan,
    words_trouble,
)


class Language(StrEnum):
    """A language of the pages, by its BCP 47 tag."""

    ZH = "zh"
    JA = "ja"
    EN = "en"


NAMES: Final[Mapping[Language, str]] = {Language.ZH: "中文", Language.JA: "日本語", Language.EN: "English"}

_ZH: Final[dict[str, str]] = {
    "board.title": "生产看板",
    "board.question": "现在哪里需要我们？",
    "board.calm": "一切按计划进行",
    "count.red": "严重",
    "count.orange": "警告",
    "count.yellow": "留意",
    "count.open": "进行中的订单",
    "column.order": "订单",
    "column.level": "偏差",
    "column.promised": "承诺",
    "column.planned": "计划完成",
    "column.expected": "预计完成",
    "column.nodes": "工序",
    "order.finished_at": "实际完成",
    "order.after_promise": "晚于承诺",
    "order.pieces": "{count} 件",
    "order.data_at": "数据 {time}",
    "order.no_data": "尚无数据",
    "done.title": "已完成的订单",
    "wip.title": "在制品",
    "wip.error": "误差 ±{count}",
    "wip.none": "还没有区域报告在制品",
    "gateways.title": "网关",
    "gateways.none": "还没有网关连接。请在工厂运行：genba edge run MAP --broker URL",
    "gateway.online": "在线",
    "gateway.offline": "离线",
    "gateway.age": "{age}前",
    "gateway.never": "尚未收到数据",
    "gateway.lost": "设备失联：{names}",
    "gateway.alarm": "警报：两个网关使用同一身份",
    "age.seconds": "{count} 秒",
    "age.minutes": "{count} 分钟",
    "age.hours": "{count} 小时",
    "live.live": "实时",
    "live.reconnecting": "正在重连",
    "live.offline": "{time} 起离线",
    "stale.band": "数据停留在 {time}",
    "status.pending": "待开始",
    "status.in_progress": "进行中",
    "status.done": "已完成",
    "status.delayed": "有延误",
    "status.awaiting_confirmation": "待确认",
    "level.none": "正常",
    "level.yellow": "留意",
    "level.orange": "警告",
    "level.red": "严重",
    "legend.title": "图例",
    "legend.statuses": "工序状态",
    "legend.levels": "订单偏差",
    "legend.level.none": "晚不超过 15 个工作分钟",
    "legend.level.yellow": "低于 10 %",
    "legend.level.orange": "10 % 至 20 %",
    "legend.level.red": "超过 20 %",
    "mark.late": "晚 {time}",
    "mark.ambiguous": "数量不确定",
    "mark.below_quantity": "少于计划数量",
    "mark.predecessor_open": "前道工序未完成",
    "mark.conflicting": "数据不一致",
    "mark.corroborated": "多方证实",
    "mark.not_planned": "计划外",
    "mark.quantity_reached": "按答复已达数量，请确认",
    "mark.criterion_open": "完工条件未满足",
    "mark.evidence_open": "缺少所需的完工证据",
    "mark.confirmation_open": "等待他人确认",
    "mark.confirmed": "已确认",
    "mark.rejected": "已驳回",
    "mark.reopened": "已重新打开",
    "mark.predecessor_reopened": "前道工序已重新打开",
    "mark.started_early": "前道工序移交前已开始",
    "mark.skipped": "已跳过",
    "empty.title": "还没有订单",
    "empty.first": "用机器密钥把第一个订单发送到 {path}，它会立刻出现在这里：",
    "empty.key": "创建密钥：",
    "empty.demo": "或者看一座模拟工厂：",
    "foot.zone": "时间以 {zone} 为准",
    "language.choose": "语言",
    "login.title": "登录",
    "login.name": "账号",
    "login.password": "密码",
    "login.button": "登录",
    "login.first": "首次启动时，服务器在终端里打印了 admin 的一次性密码。",
    "login.wrong": "账号或密码不对。忘记密码：在服务器上运行 genba cloud user reset admin",
    "login.wait": "尝试次数过多，请在 {count} 秒后再试。",
    "password.title": "设置密码",
    "password.must": "继续之前，请先设置自己的密码。",
    "password.old": "当前密码",
    "password.new": "新密码（至少 {count} 个字符）",
    "password.again": "再输入一次新密码",
    "password.button": "保存密码",
    "password.wrong": "当前密码不对。",
    "password.too_short": "新密码太短：至少 {count} 个字符。",
    "password.too_long": "新密码太长：最多 {count} 个字符。",
    "password.same": "新密码必须与当前密码不同。",
    "password.not_repeated": "两次输入的新密码不一致。",
    "logout.button": "退出",
    "state.running": "运行",
    "state.idle": "空闲",
    "state.setup": "换型",
    "state.down": "停机",
    "state.blocked": "堵塞",
    "state.off": "关机",
    "state.unknown": "未知",
    "state.starved": "缺料",
}

_JA: Final[dict[str, str]] = {
    "board.title": "生産ボード",
    "board.question": "今、対応が必要なのは？",
    "board.calm": "すべて計画どおりです",
    "count.red": "重大",
    "count.orange": "警告",
    "count.yellow": "注意",
    "count.open": "進行中の注文",
    "column.order": "注文",
    "column.level": "遅れ",
    "column.promised": "約束",
    "column.planned": "完了計画",
    "column.expected": "完了予想",
    "column.nodes": "工程",
    "order.finished_at": "完了",
    "order.after_promise": "約束より後",
    "order.pieces": "{count} 個",
    "order.data_at": "データ {time}",
    "order.no_data": "データなし",
    "done.title": "完了した注文",
    "wip.title": "仕掛品",
    "wip.error": "誤差 ±{count}",
    "wip.none": "仕掛品を報告したゾーンはまだありません",
    "gateways.title": "ゲートウェイ",
    "gateways.none": "ゲートウェイが未接続です。工場で実行してください：genba edge run MAP --broker URL",
    "gateway.online": "オンライン",
    "gateway.offline": "オフライン",
    "gateway.age": "{age}前",
    "gateway.never": "データ未受信",
    "gateway.lost": "応答のない装置：{names}",
    "gateway.alarm": "警報：二つのゲートウェイが同じ身元を使っています",
    "age.seconds": "{count} 秒",
    "age.minutes": "{count} 分",
    "age.hours": "{count} 時間",
    "live.live": "ライブ",
    "live.reconnecting": "再接続中",
    "live.offline": "{time} からオフライン",
    "stale.band": "{time} 時点のデータです",
    "status.pending": "未着手",
    "status.in_progress": "作業中",
    "status.done": "完了",
    "status.delayed": "遅延",
    "status.awaiting_confirmation": "確認待ち",
    "level.none": "正常",
    "level.yellow": "注意",
    "level.orange": "警告",
    "level.red": "重大",
    "legend.title": "凡例",
    "legend.statuses": "工程の状態",
    "legend.levels": "注文の遅れ",
    "legend.level.none": "稼働時間で 15 分以内",
    "legend.level.yellow": "10 % 未満",
    "legend.level.orange": "10 % 〜 20 %",
    "legend.level.red": "20 % 超",
    "mark.late": "遅れ {time}",
    "mark.ambiguous": "数量が不確か",
    "mark.below_quantity": "計画数に不足",
    "mark.predecessor_open": "前工程が未完了",
    "mark.conflicting": "データが不一致",
    "mark.corroborated": "裏付けあり",
    "mark.not_planned": "計画外",
    "mark.quantity_reached": "回答により数量に到達、確認してください",
    "mark.criterion_open": "完了条件が未達",
    "mark.evidence_open": "必要な完了の裏付けなし",
    "mark.confirmation_open": "確認待ち",
    "mark.confirmed": "確認済み",
    "mark.rejected": "差し戻し",
    "mark.reopened": "再開",
    "mark.predecessor_reopened": "前工程が再開",
    "mark.started_early": "前工程の引き渡し前に開始",
    "mark.skipped": "省略",
    "empty.title": "注文はまだありません",
    "empty.first": "機械キーで最初の注文を {path} に送ると、すぐここに表示されます：",
    "empty.key": "キーを作る：",
    "empty.demo": "または模擬工場を動かす：",
    "foot.zone": "時刻は {zone} です",
    "language.choose": "言語",
    "login.title": "ログイン",
    "login.name": "アカウント",
    "login.password": "パスワード",
    "login.button": "ログイン",
    "login.first": "初回起動時に、admin の使い捨てパスワードがサーバーの端末に表示されています。",
    "login.wrong": "アカウントまたはパスワードが違います。忘れたとき、サーバーで実行：genba cloud user reset admin",
    "login.wait": "試行回数が多すぎます。{count} 秒後にもう一度お試しください。",
    "password.title": "パスワードの設定",
    "password.must": "先に進む前に、ご自分のパスワードを設定してください。",
    "password.old": "現在のパスワード",
    "password.new": "新しいパスワード（{count} 文字以上）",
    "password.again": "新しいパスワード（もう一度）",
    "password.button": "パスワードを保存",
    "password.wrong": "現在のパスワードが違います。",
    "password.too_short": "新しいパスワードが短すぎます。{count} 文字以上にしてください。",
    "password.too_long": "新しいパスワードが長すぎます。{count} 文字以内にしてください。",
    "password.same": "現在とは違うパスワードにしてください。",
    "password.not_repeated": "2 回の入力が一致しません。",
    "logout.button": "ログアウト",
    "state.running": "稼働",
    "state.idle": "待機",
    "state.setup": "段取り",
    "state.down": "停止",
    "state.blocked": "ブロック",
    "state.off": "電源オフ",
    "state.unknown": "不明",
    "state.starved": "材料待ち",
}

_EN: Final[dict[str, str]] = {
    "board.title": "Production board",
    "board.question": "What needs us now?",
    "board.calm": "Everything is on plan",
    "count.red": "Critical",
    "count.orange": "Warning",
    "count.yellow": "Watch",
    "count.open": "Open orders",
    "column.order": "Order",
    "column.level": "Deviation",
    "column.promised": "Promised",
    "column.planned": "Planned",
    "column.expected": "Expected",
    "column.nodes": "Nodes",
    "order.finished_at": "Finished",
    "order.after_promise": "after promise",
    "order.pieces": "{count} pcs",
    "order.data_at": "data {time}",
    "order.no_data": "no data yet",
    "done.title": "Finished orders",
    "wip.title": "Work in progress",
    "wip.error": "error ±{count}",
    "wip.none": "No zone has reported work in progress yet",
    "gateways.title": "Gateways",
    "gateways.none": "No gateway is connected yet. In the factory, run: genba edge run MAP --broker URL",
    "gateway.online": "online",
    "gateway.offline": "offline",
    "gateway.age": "{age} ago",
    "gateway.never": "nothing heard yet",
    "gateway.lost": "devices lost: {names}",
    "gateway.alarm": "alarm: two gateways share this identity",
    "age.seconds": "{count} s",
    "age.minutes": "{count} min",
    "age.hours": "{count} h",
    "live.live": "live",
    "live.reconnecting": "reconnecting",
    "live.offline": "offline since {time}",
    "stale.band": "Data from {time}",
    "status.pending": "Not started",
    "status.in_progress": "In progress",
    "status.done": "Done",
    "status.delayed": "Late",
    "status.awaiting_confirmation": "To confirm",
    "level.none": "On plan",
    "level.yellow": "Watch",
    "level.orange": "Warning",
    "level.red": "Critical",
    "legend.title": "Legend",
    "legend.statuses": "Node status",
    "legend.levels": "Order deviation",
    "legend.level.none": "at most 15 working minutes late",
    "legend.level.yellow": "under 10 %",
    "legend.level.orange": "10 % to 20 %",
    "legend.level.red": "above 20 %",
    "mark.late": "late {time}",
    "mark.ambiguous": "count in doubt",
    "mark.below_quantity": "below quantity",
    "mark.predecessor_open": "node before it is open",
    "mark.conflicting": "sources disagree",
    "mark.corroborated": "corroborated",
    "mark.not_planned": "not planned",
    "mark.quantity_reached": "quantity reached by an answer: confirm",
    "mark.criterion_open": "what completes it is not there",
    "mark.evidence_open": "asked-for evidence is missing",
    "mark.confirmation_open": "still to be confirmed",
    "mark.confirmed": "confirmed",
    "mark.rejected": "turned down",
    "mark.reopened": "reopened",
    "mark.predecessor_reopened": "node before it was reopened",
    "mark.started_early": "begun before it was handed over",
    "mark.skipped": "skipped",
    "empty.title": "No order yet",
    "empty.first": "Send the first order to {path} with a machine key, and it appears here at once:",
    "empty.key": "Make a key:",
    "empty.demo": "Or watch a simulated factory:",
    "foot.zone": "Times are in {zone}",
    "language.choose": "Language",
    "login.title": "Sign in",
    "login.name": "Account",
    "login.password": "Password",
    "login.button": "Sign in",
    "login.first": "At its first start the server printed the one-time password of admin in its terminal.",
    "login.wrong": "Account or password is wrong. Forgotten? On the server, run: genba cloud user reset admin",
    "login.wait": "Too many tries. Try again in {count} seconds.",
    "password.title": "Choose a password",
    "password.must": "Before you go on, choose a password of your own.",
    "password.old": "Current password",
    "password.new": "New password (at least {count} characters)",
    "password.again": "New password once more",
    "password.button": "Save password",
    "password.wrong": "The current password is wrong.",
    "password.too_short": "The new password is too short: at least {count} characters.",
    "password.too_long": "The new password is too long: at most {count} characters.",
    "password.same": "The new password must differ from the current one.",
    "password.not_repeated": "The two new passwords are not the same.",
    "logout.button": "Sign out",
    "state.running": "running",
    "state.idle": "idle",
    "state.setup": "setup",
    "state.down": "down",
    "state.blocked": "blocked",
    "state.off": "off",
    "state.unknown": "unknown",
    "state.starved": "starved",
}

_AREAS: Final = (
    words_floor,
    words_questions,
    words_forecast,
    words_scan,
    words_trouble,
    words_alerts,
    words_orders,
    words_reports,
)

WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    Language.ZH: _ZH | {key: text for area in _AREAS for key, text in area.ZH.items()},
    Language.JA: _JA | {key: text for area in _AREAS for key, text in area.JA.items()},
    Language.EN: _EN | {key: text for area in _AREAS for key, text in area.EN.items()},
}

_WEEKDAYS: Final[Mapping[Language, Sequence[str]]] = {
    Language.ZH: ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
    Language.JA: ("月", "火", "水", "木", "金", "土", "日"),
    Language.EN: ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def say(language: Language, key: str, **values: object) -> str:
    """The words for `key`, with its placeholders filled in."""
    return WORDS[language][key].format(**values)


def choose_language(asked: str | None, accept: str) -> Language:
    """The language of a page: the one asked for, else the best of the Accept-Language header, else English."""
    if asked in set(Language):
        return Language(asked)
    wanted: list[tuple[float, int, Language]] = []
    for rank, part in enumerate(accept[:500].split(",")):
        tag, _, parameters = part.strip().partition(";")
        primary = tag.split("-")[0].strip().lower()
        if primary in set(Language):
            wanted.append((-_quality(parameters), rank, Language(primary)))
    return min(wanted)[2] if wanted and min(wanted)[0] < 0 else Language.EN


def date_and_time(language: Language, local: datetime, *, this_year: int) -> str:
    """Date with weekday and time of a local instant; the year only where it is another one."""
    day, weekday = local.day, _WEEKDAYS[language][local.weekday()]
    clock = f"{local:%H:%M}"
    match language:
        case Language.EN:
            year = "" if local.year == this_year else f" {local.year}"
            return f"{weekday} {day} {_MONTHS[local.month - 1]}{year} {clock}"
        case Language.ZH:
            year = "" if local.year == this_year else f"{local.year}年"
            return f"{year}{local.month}月{day}日 {weekday} {clock}"
        case Language.JA:
            year = "" if local.year == this_year else f"{local.year}年"
            return f"{year}{local.month}月{day}日({weekday}) {clock}"


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0
