"""Fuzzing of everything that reads what others wrote: devices on the wire, and people in the device map.

`make fuzz` runs each target for a minute, led by coverage where atheris is installed; the suite runs each for two
seconds and replays every input that once broke something (`regressions/TARGET/`).

A target is a module with `seeds() -> list[bytes]` and `run(data: bytes) -> None`, which raises when the product did
what it must not, and its name in `TARGETS`.
"""

TARGETS: tuple[str, ...] = ("llrp", "modbus", "opcua", "registers", "device_map", "rfid_messages", "envelope")
