"""The kinds of master data: what each is called in paths and in files, how it is read, and what it refers to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import yaml

from genba_cloud.core.master import calendars, configurations, goods, places, policies, routings
from genba_shared.device_map.kinds import NAME as CODE
from genba_shared.device_map.problems import Unusable, did_you_mean, shorten
from genba_shared.device_map.scalars import describe
from genba_shared.device_map.spec import ObjectSpec, Values, read_object
from genba_shared.device_map.yaml_tree import entries
from genba_shared.documents import Document, compose_document, plain_of

GUIDE: Final = "docs/master-data.md"


class MasterKind(StrEnum):
    """Kinds of master data, in the order in which they refer to one another; the word is that of API paths."""

    CALENDARS = "calendars"
    POLICIES = "policies"
    SITES = "sites"
    ENTERPRISES = "enterprises"
    AREAS = "areas"
    WORK_CENTRES = "work-centres"
    STATIONS = "stations"
    PARTNERS = "partners"
    INSTRUCTIONS = "instructions"
    ROUTINGS = "routings"
    ITEMS = "items"
    BOMS = "boms"
    CONFIGURATIONS = "configurations"

    @property
    def key(self) -> str:
        """The setting that names one of its documents, and tells in a file what the document is."""
        return _FORMS[self].key

    @property
    def plural(self) -> str:
        """What a list of its documents is called in a file."""
        return self.replace("-", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    spec: ObjectSpec
    build: Callable[[Values], Any]

    @property
    def key(self) -> str:
        return next(iter(self.spec.keys))


def _plainly(spec: ObjectSpec) -> _Form:
    model: Any = spec.model
    return _Form(spec=spec, build=lambda values: values.build(model))


_FORMS: Final[Mapping[MasterKind, _Form]] = {
    MasterKind.ENTERPRISES: _plainly(places.ENTERPRISE),
    MasterKind.CALENDARS: _Form(spec=calendars.CALENDAR, build=calendars.calendar_of),
    MasterKind.POLICIES: _Form(spec=policies.POLICY, build=policies.policy_of),
    MasterKind.SITES: _plainly(places.SITE),
    MasterKind.AREAS: _plainly(places.AREA),
    MasterKind.WORK_CENTRES: _plainly(places.WORK_CENTRE),
    MasterKind.STATIONS: _plainly(places.STATION),
    MasterKind.PARTNERS: _plainly(places.PARTNER),
    MasterKind.INSTRUCTIONS: _Form(spec=goods.INSTRUCTION, build=goods.instruction_of),
    MasterKind.ROUTINGS: _Form(spec=routings.ROUTING, build=routings.routing_of),
    MasterKind.ITEMS: _plainly(goods.ITEM),
    MasterKind.BOMS: _Form(spec=goods.BOM, build=goods.bom_of),
    MasterKind.CONFIGURATIONS: _Form(spec=configurations.CONFIGURATION, build=configurations.configuration_of),
}
_BY_KEY: Final = {form.key: kind for kind, form in _FORMS.items()}
_BY_PLURAL: Final = {kind.plural: kind for kind in MasterKind}


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterDocument:
    """One document that was read and found good. `model` is the object that it means, `body` its JSON."""

    kind: MasterKind
    id: str
    body: Mapping[str, Any]
    model: Any


def read_file(text: str, *, file: str) -> tuple[MasterDocument, ...]:
    """The documents of a YAML file: one (``routing: garment``), or lists of several kinds (``stations: [ … ]``).

    They come in the order in which they can be put in: what others refer to first.

    Raises:
        ConfigError: with every problem of the file.
    """
    document = compose_document(text, file=file, guide=GUIDE)
    written = entries(document.root)
    # Which kind is told by its first known word: `site: a` in a station's document is no site.
    kind = next((_BY_KEY[word] for word in written if word in _BY_KEY), None)
    if kind is not None and not any(word in _BY_PLURAL for word in written if word not in _spec_words(kind)):
        return (_read(document, document.root, kind),)
    found = list(_bundle(document, written))
    document.raise_errors()
    order = list(MasterKind)
    return tuple(sorted(found, key=lambda one: order.index(one.kind)))


def _spec_words(kind: MasterKind) -> frozenset[str]:
    return frozenset(_FORMS[kind].spec.keys)


def _bundle(document: Document, written: Mapping[str, tuple[yaml.Node, yaml.Node]]) -> Iterator[MasterDocument]:
    for word, (key_node, listed) in written.items():
        kind = _BY_PLURAL.get(word)
        if kind is None:
            known = [*_BY_KEY, *_BY_PLURAL]
            message = f"'{shorten(word)}' is no kind of master data."
            document.findings.error(key_node, word, message, did_you_mean(word, known, f"{GUIDE} lists them."))
        elif not isinstance(listed, yaml.SequenceNode):
            message = f"{describe(listed)} stands here: a list of {word} is needed."
            document.findings.error(listed, word, message, f"Write {word}: [ … ].")
        else:
            for item in listed.value:
                found = _read_in_list(document, item, kind)
                if found is not None:
                    yield found


def _read_in_list(document: Document, node: yaml.Node, kind: MasterKind) -> MasterDocument | None:
    form = _FORMS[kind]
    try:
        model = form.build(read_object(node, form.spec, document.scope))
    except Unusable:
        return None  # it has been reported; the others of the file are looked at as well
    return _of(kind, model, plain_of(node))


def read_body(kind: MasterKind, name: str, body: Mapping[str, Any]) -> MasterDocument:
    """The document of a JSON object, as the API takes and the store keeps it; its id may be left out in it.

    Raises:
        ConfigError: with every problem; line and column are those of the object, one setting in a line.
    """
    form = _FORMS[kind]
    whole = {form.key: name, **{key: value for key, value in body.items() if value is not None}}
    document = compose_document(json.dumps(whole, ensure_ascii=False, indent=1), file=kind.key, guide=GUIDE)
    made = _read(document, document.root, kind)
    if made.id != name:
        node = entries(document.root)[form.key][1]
        document.findings.error(
            node, form.key, f"'{shorten(made.id)}' is another one than '{name:.60}' of the path.", "Leave it out."
        )
        document.raise_errors()
    return made


def read_text(kind: MasterKind, name: str, text: str) -> MasterDocument:
    """The document of a YAML text for one kind and id.

    Raises:
        ConfigError: with every problem; line and column are those of the text.
    """
    document = compose_document(text, file=kind.key, guide=GUIDE)
    body = plain_of(document.root)
    if isinstance(body, dict) and kind.key not in body:
        return read_body(kind, name, body)
    made = _read(document, document.root, kind)
    if made.id != name:
        node = entries(document.root)[kind.key][1]
        message = f"'{shorten(made.id)}' is another one than '{name:.60}' of the path."
        document.findings.error(node, kind.key, message, "Correct one of the two.")
        document.raise_errors()
    return made


def kept_model(kind: MasterKind, body: Mapping[str, Any]) -> Any:
    """The object of a kept body; it was found good when it was put in."""
    return read_body(kind, str(body[kind.key]), body).model


def is_name(kind: MasterKind, name: str) -> bool:
    """Whether a document of the kind may have this id."""
    form = _FORMS[kind]
    if form.spec.keys[form.key].kind is CODE:
        return 0 < len(name) <= 40 and name.isascii() and all(sign.isalnum() or sign in "-_" for sign in name)
    return 0 < len(name) <= 100 and name.isprintable()


def _read(document: Document, node: yaml.Node, kind: MasterKind) -> MasterDocument:
    form = _FORMS[kind]
    model = document.read(node, lambda node, scope: form.build(read_object(node, form.spec, scope)))
    return _of(kind, model, plain_of(node))


def _of(kind: MasterKind, model: Any, body: Mapping[str, Any]) -> MasterDocument:
    return MasterDocument(kind=kind, id=getattr(model, _FORMS[kind].key), body=body, model=model)
