"""What a reading says, looked at by itself."""

from __future__ import annotations

from genba_edge.core.observations import Quality, Sample, Value


def is_readable(sample: Sample) -> bool:
    """Whether it holds a value to go by."""
    return sample.quality is not Quality.BAD and sample.value is not None


def says_the_same(sample: Sample, last: Sample | None) -> bool:
    """Whether it says what the last one said, in the same type and quality."""
    return (
        last is not None
        and sample.value == last.value
        and type(sample.value) is type(last.value)
        and sample.quality is last.quality
    )


def whole_number(value: Value) -> int | None:
    """A count; None: it is none. Some devices give counts as floating-point numbers."""
    if type(value) is int:  # nearly always
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return None
