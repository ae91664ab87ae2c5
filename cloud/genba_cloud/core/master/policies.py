"""A site's policy as people write it: every threshold by its name in `core.policy`, what is left out is the default."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from genba_cloud.core.deviation import Level, LevelPolicy
from genba_cloud.core.master.forms import LABEL, built, named
from genba_cloud.core.policy import AlertLimits, Answering, PromiseRisk, ServiceRules, SitePolicy
from genba_cloud.core.status import StatusPolicy
from genba_shared.device_map.kinds import NAME as CODE
from genba_shared.device_map.kinds import group, integer, one_or_more, optional_group
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Values, keys

LONGEST_S: Final = 31_536_000
MOST_PIECES: Final = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPolicy:
    """A policy that sites refer to by its id."""

    policy: str
    values: SitePolicy
    label: Mapping[str, str] = field(default_factory=dict)


def _kind_of(name: str) -> Kind:
    if name.endswith("_percent"):
        return integer(0, 100, "90")
    if name.endswith("_s"):
        return integer(0, LONGEST_S, "7200")
    return integer(1, 1000, "3")


def _numbers(model: type, name: str, *more: Key) -> ObjectSpec:
    """A group whose settings are whole numbers: seconds, percent, counts, as their names say."""
    named_here = {key.name for key in more}
    fields = [one.name for one in dataclasses.fields(model) if one.name not in named_here]
    plain = [
        Key(name=one, kind=_kind_of(one), meaning=one.replace("_", " "), example=f"{one}: 1", derived=True)
        for one in fields
    ]
    return ObjectSpec(name=name, model=model, keys=keys(*plain, *more))


def _group(spec: ObjectSpec) -> Kind:
    model: Any = spec.model
    return group(spec, lambda values: values.build(model))


_ANSWER: Final = ObjectSpec(
    name="the answer to a level",
    model=Answering,
    keys=keys(
        Key(
            name="told",
            kind=one_or_more(CODE, "roles"),
            meaning="roles that are told",
            example="told: [line_supervisor]",
            required=True,
        ),
        Key(
            name="within_s",
            kind=integer(60, LONGEST_S, "3600"),
            meaning="seconds in which an answer is due",
            example="within_s: 3600",
            required=True,
        ),
        Key(
            name="then",
            kind=one_or_more(CODE, "roles"),
            meaning="roles that are told when there is none",
            example="then: [management]",
        ),
    ),
)
_WIP: Final = named(integer(1, MOST_PIECES, "200"), what="zones with pieces", example="{sewing: 200}")
_LEVELS: Final = {str(level): level for level in Level if level is not Level.NONE}
_ANSWERING: Final = ObjectSpec(
    name="the answers to levels",
    keys=keys(
        *(
            Key(
                name=name,
                kind=optional_group(_ANSWER, lambda values: values.build(Answering)),
                meaning=f"who answers {name}",
                example=f"{name}: {{told: [line_supervisor], within_s: 3600}}",
            )
            for name in _LEVELS
        )
    ),
)


def _answering_of(values: Values) -> dict[Level, Answering]:
    written: dict[str, Answering] = values.build(dict)
    return {**SitePolicy().answering, **{_LEVELS[name]: answer for name, answer in written.items()}}


def policy_of(values: Values) -> NamedPolicy:
    """The policy; what is not written is the product's default."""
    taken: dict[str, Any] = values.build(dict)
    name, label = taken.pop("policy"), taken.pop("label", {})
    made = SitePolicy(**taken)
    if made.promise.withdraw_percent > made.promise.notice_percent:
        values.error(
            "promise",
            "an early notice would be taken back at a probability at which it is sent.",
            "Write withdraw_percent below notice_percent.",
        )
    if made.alerts.waiting_work_calm_s > made.alerts.waiting_work_s:
        values.error(
            "alerts",
            "a bottleneck would end with more waiting work than it begins with.",
            "Write waiting_work_calm_s below waiting_work_s.",
        )
    values.build(dict)
    return NamedPolicy(policy=name, values=made, label=label)


POLICY: Final = ObjectSpec(
    name="a policy",
    keys=keys(
        Key(name="policy", kind=CODE, meaning="its id", example="policy: usual", required=True),
        Key(name="label", kind=LABEL, meaning="what people call it", example='label: {en: "Usual"}'),
        Key(
            name="status",
            kind=_group(_numbers(StatusPolicy, "the tolerance of nodes")),
            meaning="how late a node may be and still count as on time",
            example="status: {floor_s: 900, share_percent: 5}",
        ),
        Key(
            name="levels",
            kind=_group(_numbers(LevelPolicy, "the tolerance of orders")),
            meaning="how late an order may be and still count as on time",
            example="levels: {tolerance_s: 900, calm_s: 1800}",
        ),
        Key(
            name="service",
            kind=_group(
                _numbers(
                    ServiceRules,
                    "service times",
                    Key(
                        name="escalates_to",
                        kind=one_or_more(CODE, "roles"),
                        meaning="roles that are told when nobody answers in time",
                        example="escalates_to: [management]",
                    ),
                )
            ),
            meaning="how soon people say what happened",
            example="service: {update_within_s: 7200, reason_within_s: 1800}",
        ),
        Key(
            name="alerts",
            kind=_group(
                _numbers(
                    AlertLimits,
                    "limits of alerts",
                    Key(name="wip", kind=_WIP, meaning="most pieces by zone", example="wip: {sewing: 200}"),
                )
            ),
            meaning="from where on something is an alert",
            example="alerts: {wip: {sewing: 200}}",
        ),
        Key(
            name="promise",
            kind=_group(_numbers(PromiseRisk, "the early notice")),
            meaning="when a customer is told early",
            example="promise: {notice_percent: 90}",
        ),
        Key(
            name="answering",
            kind=built(_ANSWERING, _answering_of),
            meaning="who answers a level, and how soon",
            example="answering: {red: {told: [management], within_s: 3600}}",
        ),
    ),
)
