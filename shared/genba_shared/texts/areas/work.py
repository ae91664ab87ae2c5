"""What is wrong with stations, zones and nodes, and with what they refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genba_shared.texts.entry import Message

WORK: Final[Mapping[str, Message]] = {
    "unknown-name": Message(
        zh="'{word}' 不是{owner}的{what}；已有 {known}。",
        ja="'{word}' は{owner}の{what}ではありません。あるのは {known} です。",
        why="A name refers to something that is not in the map: it is misspelt, or was renamed in one place only.",
        do="Write one of the names that the message lists.",
        example="stations: [CUT-1, CUT1]",
    ),
    "point-without-device": Message(
        zh="'{word}' 没有指明设备：此处点位写作 设备/点位。",
        ja="'{word}' に装置がありません。ここではポイントを 装置/ポイント と書きます。",
        why="A node may be worked on at several devices, so that a bare point name is ambiguous.",
        do="Write device/point.",
        example="work_order: {from: order}",
    ),
    "read-point-without-device": Message(
        zh="'{word}' 没有指明设备：读取点写作 设备/读取点。",
        ja="'{word}' に装置がありません。読取ポイントは 装置/読取ポイント と書きます。",
        why="A zone may have readers of several devices, so that a bare name is ambiguous.",
        do="Write device/read-point.",
        example="sewing: {…, leave: [gat/sewing-out, sewing-out]}",
    ),
    "not-a-counted-end": Message(
        zh="'{word}' 不是 STATION/result 或 设备/点位 的形式。",
        ja="'{word}' は STATION/result でも 装置/ポイント でもありません。",
        why="Counts at the bounds of a zone are named by station and result, or by the device and point that counts.",
        do="Write it like CUT-1/good, or camera-1/in.",
        example="buffer: {…, out: [CUT-2/goods, CUT-2]}",
    ),
    "not-a-result": Message(
        zh="'{word}' 不是结果：{known}。",
        ja="'{word}' は結果ではありません：{known}。",
        why="Pieces are counted as good, scrap or rework.",
        do="Write one of these three words.",
        example="buffer: {…, out: [CUT-2/goods, CUT-2]}",
    ),
    "reset-evidence-not-bool": Message(
        zh="{point} 的类型是 {type}：`point` 指定清零期间为真的 bool 点位。",
        ja="{point} は {type} です。`point` にはリセット中に真になる bool を指定します。",
        why='Only a bit can say "now it is being reset".',
        do="Name the bit of the reset button or of the PLC's reset command.",
        example="good: {…, counter: {…, reset_by: {point: uptime}}}",
    ),
    "counts-without-counter": Message(
        zh="{point} 不是计数器：产量由计数器计。",
        ja="{point} はカウンタではありません。個数はカウンタで数えます。",
        why="Without `counter` a point is a plain value, whose steps are not pieces.",
        do="Add `counter` to the point, or name another one.",
        example="P-1: {device: press1, counts: {good: temp}, state: plain}",
    ),
    "counted-twice": Message(
        zh="{point} 已用于 {owner}：一个计数器只计一处。",
        ja="{point} はすでに {owner} を数えています。カウンタが数えるのは一か所です。",
        why="The same pieces would be counted twice.",
        do="Name the counter of this station.",
        example="P-2: {device: press1, counts: {good: good}}",
    ),
    "state-without-counter": Message(
        zh="{point} 不是计数器。",
        ja="{point} はカウンタではありません。",
        why="With `idle_after` the state comes from the rhythm of a counter.",
        do="Add `counter` to the point, or name a counter.",
        example="P-3: {…, state: {from: temp, idle_after: 3min}}",
    ),
    "state-without-labels": Message(
        zh="{point} 没有 labels：labels 说明哪个值是哪种状态。",
        ja="{point} に labels がありません。labels はどの値がどの状態かを示します。",
        why="A number of the PLC says nothing about the state until each value has a word.",
        do="Add `labels` to the point, or derive the state from a counter.",
        example="P-1: {…, state: plain}",
    ),
    "label-not-a-state": Message(
        zh="{point} 的标注 '{label}' 不是状态：{known}。",
        ja="{point} のラベル '{label}' は状態ではありません：{known}。",
        why="The labels of a point that shows a station's state are words of the closed list of states.",
        do="Write one of the states that the message lists.",
        example="P-2: {…, state: word}",
    ),
    "no-bounds": Message(
        zh="区域没有边界：需要读取点（enter、leave）或计数（in、out）。",
        ja="ゾーンに境界がありません。読取ポイント（enter、leave）かカウント（in、out）が必要です。",
        why="WIP is what came in and did not leave, so that a zone needs both of its bounds.",
        do="Write enter and leave, or in and out.",
        example="empty: {}",
    ),
    "half-a-bound": Message(
        zh="缺少 '{other}'：有 `{one}` 的区域必须有它。",
        ja="'{other}' がありません。`{one}` のあるゾーンには必須です。",
        why="With one bound only, the zone would fill or empty for ever.",
        do="Add the other bound.",
        example="half: {enter: gate/door-in}",
    ),
    "close-after-of-counts": Message(
        zh="`close_after` 用于标签：计数不会静默。",
        ja="`close_after` はタグ用です。カウントには無応答の期間がありません。",
        why="Counts do not belong to single pieces, so that none of them can be forgotten.",
        do="Leave `close_after` out.",
        example="counted: {…, close_after: 8h, …}",
    ),
    "close-after-too-short": Message(
        zh="{close_after} 不长于 {device} 的 `depart_after`（{depart_after}）："
        "在得知标签是否离开之前，停留就会被关闭。",
        ja="{close_after} は {device} の `depart_after`（{depart_after}）より長くありません。"
        "タグが出たかどうか分かる前に滞在が閉じられます。",
        why="A passage is known when its tag was silent for `depart_after`; `close_after` is for tags that nobody saw "
        "leave.",
        do="Write a duration longer than anything stays in the zone.",
        example="short: {enter: gate/door-in, leave: gate/door-out, close_after: 30s}",
    ),
    "enter-is-leave": Message(
        zh="{read_point} 也是标签进入的地方：无法区分进和出。",
        ja="{read_point} はタグが入る場所でもあります。入りと出を区別できません。",
        why="One read point sees a tag pass, not in which direction.",
        do="Use one antenna with a read point of its own on each side.",
        example="same: {enter: gate/door-in, leave: gate/door-in}",
    ),
    "in-is-out": Message(
        zh="{count} 也计入：区域将永远是空的。",
        ja="{count} は入りにもあります。ゾーンは常に空になります。",
        why="What comes in and goes out with the same count never waits.",
        do="Name the station behind the zone as `out`.",
        example="closed: {in: P-1/good, out: [P-1/good, P-1/scrap]}",
    ),
    "counts-for-a-station": Message(
        zh="{point} 已为 {owner} 计数：区域应写工位的计数。",
        ja="{point} はすでに {owner} のカウントです。ゾーンにはステーションのカウントを書きます。",
        why="A counter of a station counts its pieces; named a second time it would count them twice.",
        do="Write the station and the result instead of the device and the point.",
        example="twice: {in: press1/good, out: P-1/good}",
    ),
    "crossing-without-counter": Message(
        zh="{point} 不是计数器：区域的边界需要计数。",
        ja="{point} はカウンタではありません。ゾーンの境界にはカウントが必要です。",
        why="Only a counter says how many pieces crossed.",
        do="Add `counter: {}` to the point, or name the point that counts.",
        example="plain: {in: press1/speed, out: P-1/good}",
    ),
    "station-does-not-count": Message(
        zh="工位 {station} 不计 {result}；已计的有：{counted}。",
        ja="ステーション {station} は {result} を数えていません。数えているのは {counted} です。",
        why="The zone is bounded by a count that the station does not have.",
        do="Add the count to the station, or name another one.",
        example="buffer: {in: P-1/good, out: P-2/good}",
    ),
    "two-ends-of-a-node": Message(
        zh="工序以 `good` 或 `all_left` 完成：本版本不支持两者混用。",
        ja="工程の完了条件は `good` か `all_left` です。このバージョンでは併用できません。",
        why="Two conditions would leave open which of them completes the node.",
        do="Keep one of the two.",
        example="C: {done_when: {good: node.quantity, all_left: buffer}}",
    ),
    "no-end-of-a-node": Message(
        zh="没有任何条件使工序完成：需要 `good` 或 `all_left`。",
        ja="工程を完了させる条件がありません。`good` か `all_left` が必要です。",
        why="The node would stay open for ever.",
        do="Write one of the two conditions, or leave `done_when` out to take the default.",
        example="E: {stations: P-1, done_when: {}, …}",
    ),
    "node-never-done": Message(
        zh="该工序没有工位计合格品，因此永远不会完成。",
        ja="この工程には良品を数えるステーションがなく、完了しません。",
        why="The node is done when good pieces reach its quantity, and no station of it counts any.",
        do="Add a count to a station, or let the node end when all tags have left a zone.",
        example="A: {stations: [P-2]}",
    ),
    "all-left-of-counts": Message(
        zh="区域 {zone} 由计数界定：只有标签才能判断全部离开。",
        ja="ゾーン {zone} の境界はカウントです。全数が出たと分かるのはタグだけです。",
        why="Counts do not know which pieces belong to the work order.",
        do="Name a zone with read points, or complete the node by its quantity.",
        example="I: {done_when: {all_left: buffer}}",
    ),
    "min-dwell-of-counts": Message(
        zh="`min_dwell` 用于标签：与 `all_left` 一起使用。",
        ja="`min_dwell` はタグ用です。`all_left` と一緒に使います。",
        why="Only a tag has a time that it was in a zone.",
        do="Leave `min_dwell` out, or complete the node by `all_left`.",
        example="J: {stations: P-1, done_when: {good: node.quantity, min_dwell: 3min}}",
    ),
    "else-without-point": Message(
        zh="`else` 用于可能为空的点位：{source} 不是点位。",
        ja="`else` は空になりうるポイント用です。{source} はポイントではありません。",
        why="Tags and dispatch always name the work order themselves.",
        do="Leave `else` out.",
        example="F: {stations: P-1, work_order: {from: tags, else: dispatch}}",
    ),
    "not-an-order-number": Message(
        zh="{point}（{type}）不能作工单号：应为 string 或整数。",
        ja="{point}（{type}）は作業指示番号になりません。作業指示番号は string か整数です。",
        why="An order number is a text or a whole number that stands still; a counter changes with each piece.",
        do="Name the point that holds the order number.",
        example="H: {stations: P-1, work_order: {from: press1/good}}",
    ),
    "reset-evidence-not-number": Message(
        zh="{point} 的类型是 {type}：`falls` 指定数字，如运行时间。",
        ja="{point} は {type} です。`falls` には稼働時間などの数値を指定します。",
        why="Only a number can fall.",
        do="Name the PLC's uptime, or use `point` for a button and `changes` for a time of boot.",
        example="scrap: {…, counter: {…, reset_by: {falls: button}}}",
    ),
    "no-evidence": Message(
        zh="没有指定依据：需要 point、falls 或 changes 之一。",
        ja="根拠が指定されていません。point、falls、changes のいずれかが必要です。",
        why="`reset_by` says which point shows that the counter was reset.",
        do="Name one point, or leave `reset_by` out.",
        example="none: {…, counter: {…, reset_by: {}}}",
    ),
    "two-evidences": Message(
        zh="`{key}` 已指定依据：一个计数器只有一个。",
        ja="`{key}` ですでに根拠が指定されています。カウンタの根拠は一つです。",
        why="Two signs of a reset could contradict one another.",
        do="Keep the sign that is more reliable.",
        example="rework: {…, counter: {…, reset_by: {falls: uptime, changes: uptime}}}",
    ),
}
