"""Every text with a code in Chinese and Japanese, joined from its areas.

One word for one thing in every sentence, and the same word as on the pages of the collector:

| English | Chinese | Japanese |
|---|---|---|
| device map | 点表 | マップ |
| device | 设备 | 装置 |
| gateway | 网关 | ゲートウェイ |
| broker | 代理（broker） | ブローカ |
| point | 点位 | ポイント |
| register, coil | 寄存器，线圈 | レジスタ、コイル |
| Modbus table | 数据区 | 領域 |
| counter | 计数器 | カウンタ |
| wrap | 回绕 | 一巡 |
| reset | 清零 | リセット |
| poll group | 轮询组 | ポーリンググループ |
| reader, antenna | 读写器，天线 | リーダ、アンテナ |
| tag (RFID) | 标签 | タグ |
| read point | 读取点 | 読取ポイント |
| station | 工位 | ステーション |
| zone | 区域 | ゾーン |
| node | 工序 | 工程 |
| work order | 工单 | 作業指示 |
| profile | 模板 | プロファイル |
| setting | 设置项 | 設定項目 |

Keys, values and YAML stay as they are written in the file, in ASCII quotes or backquotes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genba_shared.texts import Language
from genba_shared.texts.areas.beside import BESIDE
from genba_shared.texts.areas.commands import COMMANDS
from genba_shared.texts.areas.devices import DEVICES
from genba_shared.texts.areas.findings import FINDINGS
from genba_shared.texts.areas.modbus import MODBUS
from genba_shared.texts.areas.opcua import OPCUA
from genba_shared.texts.areas.phrases import PHRASES
from genba_shared.texts.areas.readers import READERS
from genba_shared.texts.areas.remedies import REMEDIES
from genba_shared.texts.areas.structure import STRUCTURE
from genba_shared.texts.areas.values import VALUES
from genba_shared.texts.areas.work import WORK
from genba_shared.texts.entry import Phrase

__all__ = ["AREAS", "ENTRIES", "template_of"]

AREAS: Final[tuple[Mapping[str, Phrase], ...]] = (
    STRUCTURE,
    VALUES,
    DEVICES,
    MODBUS,
    OPCUA,
    READERS,
    WORK,
    BESIDE,
    REMEDIES,
    PHRASES,
    COMMANDS,
    FINDINGS,
)
ENTRIES: Final[Mapping[str, Phrase]] = {code: entry for area in AREAS for code, entry in area.items()}


def template_of(code: str, language: Language) -> str | None:
    """The template of a code in a language other than English; None where there is none."""
    entry = ENTRIES.get(code)
    if entry is None:
        return None
    match language:
        case Language.ENGLISH:
            return None
        case Language.CHINESE:
            return entry.zh
        case Language.JAPANESE:
            return entry.ja
