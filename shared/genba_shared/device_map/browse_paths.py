"""OPC UA browse paths as text, ``nsu=urn:plc:press;Press1/Counters/Good``, and the places that points start from."""

from __future__ import annotations

import re
from typing import Final

from genba_shared.device_map.addresses import opcua_node_of, uses_namespace_index
from genba_shared.device_map.model import BrowseStep, NodeAddress
from genba_shared.device_map.phrases import write_like
from genba_shared.device_map.problems import Wrong, shorten
from genba_shared.texts import say

EXAMPLE: Final = '"nsu=urn:plc:press;Press1/Counters/Good"'
_STEP: Final = re.compile(
    r"(?:nsu=(?P<uri>[^;]+);|ns=(?P<index>[0-9]{1,5});)?(?!nsu=|ns=[0-9]+;)(?P<name>(?:&.|[^/&])+)(?:/(?=.)|$)"
)
_ESCAPED: Final = re.compile(r"&(.)")
_NODE_ID: Final = re.compile(r"(?:ns=[0-9]+;|nsu=[^;]+;)?[isgb]=.+", re.DOTALL)
MAX_STEPS: Final = 32


def browse_steps_of(text: str, *, uri: str = "", index: int = 0) -> tuple[BrowseStep, ...]:
    """Read a browse path; a step without a namespace takes that of the step before it, the first one `uri` or `index`.

    A ``/`` or ``&`` within a name is written ``&/`` or ``&&``.

    Raises:
        Wrong: an empty step, a lonely ``&``, or too many steps.

    Source: OPC 10000-4, A.2 (BNF of a relative path), whose ``&`` escapes; namespaces as in a node id.
    """
    steps: list[BrowseStep] = []
    at = 0
    while at < len(text):
        form = _STEP.match(text, at)
        if form is None or len(steps) == MAX_STEPS:
            raise Wrong(
                say(
                    "not-a-browse-path",
                    "'{word}' is not a browse path: names with '/' between them, at most {most}.",
                    word=shorten(text),
                    most=MAX_STEPS,
                ),
                say("write-browse-path", "Write it like {example}; a '/' within a name is '&/'.", example=EXAMPLE),
            )
        if form["uri"] is not None:
            uri, index = form["uri"], 0
        elif form["index"] is not None:
            uri, index = "", int(form["index"])
        steps.append(BrowseStep(name=_ESCAPED.sub(r"\1", form["name"]), uri=uri, index=index))
        at = form.end()
    if not steps:
        raise Wrong(say("empty-browse-path", "the browse path is empty."), write_like(EXAMPLE))
    return tuple(steps)


def root_of(text: str) -> NodeAddress:
    """Read where a machine's object is: a node id, or a browse path from the Objects folder.

    Raises:
        Wrong: neither.
    """
    if _NODE_ID.fullmatch(text):
        return NodeAddress(node=opcua_node_of(text))
    return NodeAddress(steps=browse_steps_of(text))


def path_below(root: NodeAddress, text: str) -> NodeAddress:
    """Read a point's browse path: from `root`, or from the Objects folder where it starts with ``/``.

    Raises:
        Wrong: not a browse path.
    """
    if text.startswith("/"):
        return NodeAddress(steps=browse_steps_of(text[1:]))
    uri, index = _namespace_of(root)
    return NodeAddress(node=root.node, steps=(*root.steps, *browse_steps_of(text, uri=uri, index=index)))


def numbered_namespace_of(address: NodeAddress) -> str:
    """The first namespace that is told by its number (``ns=3``), which may change at a restart; empty: none."""
    if uses_namespace_index(address.node):
        return address.node.partition(";")[0]
    return next((f"ns={step.index}" for step in address.steps if not step.uri and step.index), "")


def _namespace_of(address: NodeAddress) -> tuple[str, int]:
    if address.steps:
        return address.steps[-1].uri, address.steps[-1].index
    word, has_namespace, _ = address.node.partition(";")
    if not has_namespace:
        return "", 0
    return (word[4:], 0) if word.startswith("nsu=") else ("", int(word[3:]))
