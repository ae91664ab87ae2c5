"""What the commands say around their findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genba_shared.texts.entry import Phrase

COMMANDS: Final[Mapping[str, Phrase]] = {
    "warning": Phrase(zh="警告", ja="警告"),
    "check-unusable": Phrase(
        zh="{errors} 个错误，{warnings} 个警告：点表不能使用",
        ja="エラー {errors} 件、警告 {warnings} 件：マップは使えません",
    ),
    "check-totals": Phrase(
        zh="{devices} 台设备，{points} 个点位，{stations} 个工位，{zones} 个区域，{nodes} 道工序；{warnings} 个警告",
        ja=(
            "装置 {devices} 台、ポイント {points} 点、ステーション {stations} か所、ゾーン {zones} か所、工程 "
            "{nodes}、警告 {warnings} 件"
        ),
    ),
    "check-help": Phrase(
        zh="方括号中代码的含义：{page}，或 genba edge check --help-code CODE",
        ja="角括弧内のコードの説明：{page}、または genba edge check --help-code CODE",
    ),
    "check-opcua-device": Phrase(zh="OPC UA {url}：{items} 个监视项", ja="OPC UA {url}：監視項目 {items} 件"),
    "check-modbus-device": Phrase(
        zh="Modbus {line} 站号 {unit}：{points} 个点位，{requests}",
        ja="Modbus {line} ユニット {unit}：ポイント {points} 点、{requests}",
    ),
    "check-llrp-device": Phrase(zh="LLRP {host}:{port}：{antennas}", ja="LLRP {host}:{port}：{antennas}"),
    "requests-each": Phrase(zh="每 {period} {count} 个请求", ja="{period} ごとに {count} 要求"),
    "check-overloaded": Phrase(
        zh="{device} 跟不上：按每个请求 {assumed} 计，请求耗时是轮询周期的 {times} 倍；请放慢轮询或少读点位",
        ja=(
            "{device} は間に合いません。1 要求 {assumed} として、要求にポーリング周期の {times} 倍かかります。周期"
            "を長くするか、ポイントを減らしてください"
        ),
    ),
    "check-store-small": Phrase(
        zh=(
            "没有收集服务器时，store.max 约 {lasts} 后写满，早于 store.keep（{keep}）；"
            "之后丢弃什么见 docs/outbox.md：请增大容量，或缩短保留时间"
        ),
        ja=(
            "コレクタがないと store.max は約 {lasts} で満杯になり、store.keep（{keep}）より早くなります。"
            "その後に捨てられるものは docs/outbox.md にあります。容量を増やすか、保持期間を短くしてください"
        ),
    ),
    "about-days": Phrase(zh="{days} 天", ja="{days} 日"),
    "check-busiest": Phrase(
        zh="最忙的 Modbus 线路：{devices}，按每个请求 {assumed} 计占用 {share} 的时间",
        ja="最も忙しい Modbus 回線：{devices}、1 要求 {assumed} として時間の {share}",
    ),
    "origin-line": Phrase(zh="第 {line} 行", ja="{line} 行目"),
    "origin-default": Phrase(zh="默认值", ja="既定値"),
    "origin-device": Phrase(zh="同设备", ja="装置と同じ"),
    "origin-worked-out": Phrase(zh="推算得出", ja="ほかの設定から決定"),
    "origin-greatest": Phrase(zh="{type} 的最大值", ja="{type} の最大値"),
    "origin-line-of-file": Phrase(zh="{file} 第 {line} 行", ja="{file} の {line} 行目"),
    "not-acted-on": Phrase(zh="{origin}，尚不执行", ja="{origin}、まだ働きません"),
    "check-line-overloaded": Phrase(
        zh="{devices} 跟不上：按每个请求 {assumed} 计，请求合计耗时是轮询周期的 {times} 倍；请放慢轮询或少读点位",
        ja=(
            "{devices} は間に合いません。1 要求 {assumed} として、合わせてポーリング周期の {times} 倍かかります。周"
            "期を長くするか、ポイントを減らしてください"
        ),
    ),
    "devices-on-line": Phrase(zh="{line} 上的 {devices}", ja="{line} の {devices}"),
    "antennas-at-read-points": Phrase(
        zh="{antennas} 副天线，{read_points} 个读取点",
        ja="アンテナ {antennas} 本、読取ポイント {read_points} か所",
    ),
    "check-impinj-device": Phrase(zh="Impinj {url}：{antennas}", ja="Impinj {url}：{antennas}"),
    "check-mqtt-device": Phrase(zh="MQTT {broker}：{parts}", ja="MQTT {broker}：{parts}"),
    "number-of-points": Phrase(zh="{points} 个点位", ja="ポイント {points} 点"),
}
