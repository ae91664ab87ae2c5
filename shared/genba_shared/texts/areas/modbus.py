"""What is wrong with a Modbus device, its line, its registers and bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genba_shared.texts.entry import Message

MODBUS: Final[Mapping[str, Message]] = {
    "bit-in-address": Message(
        zh="'{word}' 不是地址：寄存器的位要单独设置。",
        ja="'{word}' はアドレスではありません。レジスタのビットは別の設定項目です。",
        why="YAML would read 40120.10 as the number 40120.1, another bit.",
        do="Write the register and its bit as two settings.",
        example="bit: {at: 40120.10, type: bool}",
    ),
    "not-an-address": Message(
        zh="'{word}' 不是传统写法的地址；传统写法有 5 或 6 位数字：保持寄存器为 40001..49999 或 400001..465536。",
        ja=(
            "'{word}' は従来表記のアドレスではありません。5 桁か 6 桁で、保持レジスタは 40001..49999 または "
            "400001..465536 です。"
        ),
        why=(
            "In traditional notation the first digit names the table and the rest counts from 1; protocol "
            "addresses count from 0."
        ),
        do="Write 5 or 6 digits as in the manual, or {holding: N} with the protocol address.",
        example="word: {at: D100, type: uint16}",
    ),
    "no-such-table": Message(
        zh="{word} 没有对应的数据区：首位是 0（线圈）、1（离散输入）、3（输入寄存器）或 4（保持寄存器）。",
        ja=(
            "{word} に当たる領域がありません。先頭の桁は 0（コイル）、1（ディスクリート入力）、3（入力レジスタ"
            "）、4（保持レジスタ）です。"
        ),
        why="The first digit of an address names its table, and Modbus has no table 2 or 5 to 9.",
        do="Look the table up in the device's manual.",
        example="no_table: {at: 20101, type: uint16}",
    ),
    "address-out-of-range": Message(
        zh=(
            "{word} 超出范围：{table}写作 {digit}0000{base}..{digit}{last}（或 {digit}000{base}..{digit}9999），从 "
            "{base} 起算。"
        ),
        ja=(
            "{word} は範囲外です。{table}は {digit}0000{base}..{digit}{last}（または {digit}000{base}..{digit}9999"
            "）で、{base} から数えます。"
        ),
        why=(
            "Traditional addresses count from 1, so that 40000 does not exist; some manuals count from 0 "
            "(`workarounds: {address_base: 0}`)."
        ),
        do="Add 1, set the address base, or write the protocol address as the message offers.",
        example="low: {at: 40000, type: uint16}",
    ),
    "one-table": Message(
        zh="一个地址只指一个数据区。",
        ja="一つのアドレスは一つの領域を指します。",
        why="A point is read from one table.",
        do="Keep one of the two; make a second point for the other.",
        example="two_tables: {at: {holding: 1, input: 1}, type: uint16}",
    ),
    "not-a-table": Message(
        zh="'{word}' 不是 Modbus 数据区：{known}。",
        ja="'{word}' は Modbus の領域ではありません：{known}。",
        why="Modbus has four tables: coil, discrete, input and holding.",
        do="Write one of these four words.",
        example="wrong_table: {at: {holdings: 1}, type: uint16}",
    ),
    "beyond-last-address": Message(
        zh="该点位占 {count} 个寄存器，止于 {end}：最后的协议地址是 {last}。",
        ja="このポイントは {count} 個のレジスタを使い、{end} で終わります。最後のプロトコルアドレスは {last} です。",
        why="A value in several registers would reach beyond the table.",
        do="Check address and type.",
        example="end: {at: 465536, type: uint32}",
    ),
    "wider-than-a-request": Message(
        zh="该点位占 {count} 个寄存器且从不拆分：`max_registers` 是 {most}。",
        ja="このポイントは {count} 個のレジスタを使い、分割しません。`max_registers` は {most} です。",
        why="A value read in two requests could be torn: half old, half new.",
        do="Raise `max_registers` if the device can answer that many, else shorten the string.",
        example="serial: {at: 40201, type: string, length: 40}",
    ),
    "unknown-poll-group": Message(
        zh="'{group}' 不是该设备的轮询组；已有 {known}。",
        ja="'{group}' はこの装置のポーリンググループではありません。あるのは {known} です。",
        why="The point names a poll group that has no period.",
        do="Write an existing group, or give the new one its period in `poll`.",
        example="group: {at: 40132, type: int16, group: fsat}",
    ),
    "register-type-needed": Message(
        zh="寄存器需要类型：{types} 之一。",
        ja="レジスタには型が必要です：{types} のいずれか。",
        why="Registers do not say what they hold: the same 32 bits are another number as int32, uint32 or float32.",
        do="Write the type that the PLC programme declares.",
        example="no_type: {at: 40101}",
    ),
    "bit-of-a-bit": Message(
        zh="{table} 本身就是一位：`bit` 用于寄存器。",
        ja="{table} はもともと 1 ビットです。`bit` はレジスタ用です。",
        why="Coils and discrete inputs are single bits.",
        do="Leave `bit` out.",
        example="bit_of_coil: {at: 00017, bit: 3}",
    ),
    "type-of-a-bit": Message(
        zh="{type} 不适合单独一位，位是 bool。",
        ja="{type} は 1 ビットに合いません。ビットは bool です。",
        why="A single bit is true or false.",
        do="Leave `type` out, or leave `bit` out if the whole register is meant.",
        example="wide_bit: {at: 40103, bit: 3, type: uint16}",
    ),
    "bool-without-bit": Message(
        zh="寄存器有 16 位：bool 需要指明是哪一位。",
        ja="レジスタは 16 ビットです。bool にはどのビットかが必要です。",
        why="Nothing says which of the 16 bits is meant; counting starts at 0 at the low end.",
        do="Add `bit`.",
        example="which_bit: {at: 40102, type: bool}",
    ),
    "string-without-length": Message(
        zh="string 需要以字符计的 `length`。",
        ja="string には文字数の `length` が必要です。",
        why="A string in registers has no end of its own.",
        do="Add the length in characters that the PLC programme declares.",
        example="no_length: {at: 40110, type: string}",
    ),
    "length-of-type": Message(
        zh="`length` 用于 string：{type} 的长度是固定的。",
        ja="`length` は string 用です。{type} の長さは決まっています。",
        why="Only strings have a length to choose.",
        do="Leave `length` out.",
        example="length: {at: 40120, type: uint16, length: 8}",
    ),
    "scale-of-type": Message(
        zh="{type} 不能做乘法：`scale` 用于数字。",
        ja="{type} は掛け算できません。`scale` は数値用です。",
        why="A text or a bit has nothing to multiply.",
        do="Leave `scale` out.",
        example="scaled: {at: 40130, type: string, length: 4, scale: 0.1}",
    ),
    "no-host-or-serial": Message(
        zh="缺少 'host'：Modbus 设备需要它（设备的位置），或 `serial`。",
        ja="'host' がありません。Modbus 装置には host（装置の場所）か `serial` が必要です。",
        why="A Modbus unit is reached over the network or over a serial port.",
        do="Write `host` or `serial`.",
        example="- id: nowhere",
    ),
    "host-and-serial": Message(
        zh="设备还有 `host`：要么在网络上，要么在串口上。",
        ja="装置に `host` もあります。ネットワークかシリアルポートのどちらかです。",
        why="One unit hangs on one line.",
        do="Delete one of the two.",
        example="serial: {port: /dev/ttyUSB0}",
    ),
    "framing-of-serial": Message(
        zh="串口总是用 RTU：`framing` 用于 `host`。",
        ja="シリアルポートは常に RTU です。`framing` は `host` 用です。",
        why="Only over a network is there a choice between Modbus TCP and RTU frames.",
        do="Leave `framing` out.",
        example="framing: rtu",
    ),
    "unit-of-serial": Message(
        zh="串行线路上没有设备以站号 {unit} 应答：1 到 {last} 是站号，0 是广播。",
        ja="シリアル回線でユニット {unit} として応答する装置はありません。1 から {last} がユニット、0 は一斉送信です。",
        why="On a serial line every unit has a number from 1 to 247; 0 is for all, and nobody answers to it.",
        do="Write the number that is set at the device.",
        example="unit: 0",
    ),
    "offset-of-type": Message(
        zh="{type} 不能做加法：`offset` 用于数字。",
        ja="{type} には足せません。`offset` は数値用です。",
        why="A text or a bit has nothing to add to.",
        do="Leave `offset` out.",
        example="moved: {at: 40001, type: string, length: 4, offset: 1}",
    ),
    "byte-of-type": Message(
        zh="{type} 占满寄存器：`byte` 用于 int8、uint8 和 string。",
        ja="{type} はレジスタ全体を使います。`byte` は int8、uint8、string 用です。",
        why="Half a register holds 8 bits, or one character of a string.",
        do="Write an 8-bit type, or leave `byte` out.",
        example="half: {at: 40001, type: uint16, byte: high}",
    ),
    "mask-of-type": Message(
        zh="{type} 没有掩码：掩码用于 {known}。",
        ja="{type} にマスクはありません。マスクは {known} 用です。",
        why="A mask picks bits of an unsigned whole number.",
        do="Write an unsigned type, or leave `mask` out.",
        example='signed: {at: 40001, type: int16, mask: "0x0FF0"}',
    ),
    "mask-beyond-type": Message(
        zh="{mask} 超出 {type} 的范围，其最大值是 {greatest}。",
        ja="{mask} は {type} に収まりません。最大値は {greatest} です。",
        why="The mask names bits that the value does not have.",
        do="Pick bits within the type.",
        example='wide: {at: 40001, type: uint16, mask: "0x10000"}',
    ),
    "mask-without-bit": Message(
        zh="掩码没有选中任何一位。",
        ja="マスクがどのビットも選んでいません。",
        why="The value would always be 0.",
        do="Name the bits that make the value.",
        example='empty: {at: 40001, type: uint16, mask: "0x0"}',
    ),
    "line-set-in-two-ways": Message(
        zh="{device} 在同一线路 {line} 上，但设置不同。",
        ja="{device} は同じ回線 {line} にあり、設定が異なります。",
        why="Units on one serial port, or behind one address, share one connection, which can be set in one way only.",
        do="Write the same settings at all units of the line; a profile helps.",
        example="serial: {port: /dev/ttyUSB2, baud: 19200}",
    ),
    "line-waits-in-two-ways": Message(
        zh="{device} 共用到 {line} 的连接，但等待时间不同。",
        ja="{device} は {line} への接続を共有し、待ち時間が異なります。",
        why="Units behind one address share one connection, and it can wait for one time only after it was opened.",
        do="Write the same `pause_after_connect` at all of them.",
        example="workarounds: {pause_after_connect: 1s}",
    ),
    "not-a-serial-port": Message(
        zh="'{word}' 不是串口：应为 Linux 给出的设备文件。",
        ja="'{word}' はシリアルポートではありません。Linux のデバイスファイルを書きます。",
        why="A serial port is named by its device file.",
        do="Look it up under /dev/serial/by-id, where names stay the same.",
        example="serial: {port: ttyUSB0, …}",
    ),
    "not-a-baud-rate": Message(
        zh="{word} 不是常用的波特率：{allowed}。",
        ja="{word} は一般的なボーレートではありません：{allowed}。",
        why="Serial ports and devices know these rates alone.",
        do="Write the rate that is set at the devices of the line.",
        example="serial: {…, baud: 9601, …}",
    ),
}
