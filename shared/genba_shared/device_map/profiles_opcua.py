"""Ready points of machines that follow an OPC UA companion specification, laid under the points of the map.

Labels are the words of a station's `state`. Counts are the accumulated ones, since those are not reset with each job;
the model leaves it to the machine to have them, so that they come where the map names them.
Sources: OPC 30050 (PackML) 6.3 to 6.5 and ANSI/ISA TR88.00.02 for the numbers of states; OPC 40001-1 (Machinery) 12
and 13 for MachineryItemState and MachineryOperationMode.
"""

from __future__ import annotations

from typing import Final

import yaml

from genba_shared.device_map.problems import Findings
from genba_shared.device_map.profiles import lay_over
from genba_shared.device_map.scalars import word_of
from genba_shared.device_map.yaml_tree import entries

_PACKML: Final = """
state:
  path: "nsu=http://opcfoundation.org/UA/PackML/;BaseStateMachine/MachineState/ExecuteState/ns=0;CurrentState"
  type: int32
  words: {BadStateNotActive: 0, Stopped: 2, Starting: 3, Idle: 4, Suspended: 5, Execute: 6, Stopping: 7, Aborting: 8,
    Aborted: 9, Holding: 10, Held: 11, Unholding: 12, Suspending: 13, Unsuspending: 14, Resetting: 15, Completing: 16,
    Complete: 17, Clearing: 1, Completed: 17, Executing: 6, Un-Holding: 12, Un-Suspending: 14}
  labels: {0: down, 1: down, 2: down, 3: running, 4: idle, 5: blocked, 6: running, 7: down, 8: down, 9: down, 10: down,
    11: down, 12: running, 13: blocked, 14: running, 15: idle, 16: running, 17: idle}
mode:
  path: "nsu=http://opcfoundation.org/UA/PackML/;Status/UnitModeCurrent"
  type: int32
  labels: {0: invalid, 1: production, 2: maintenance, 3: manual}
speed: {path: "nsu=http://opcfoundation.org/UA/PackML/;Status/CurMachSpeed", type: float32}
processed:
  {path: "nsu=http://opcfoundation.org/UA/PackML/;Admin/ProdProcessedCount", element: 0, field: AccCount, type: int32,
  counter: {}}
defective:
  {path: "nsu=http://opcfoundation.org/UA/PackML/;Admin/ProdDefectiveCount", element: 0, field: AccCount, type: int32,
  counter: {}}
consumed:
  {path: "nsu=http://opcfoundation.org/UA/PackML/;Admin/ProdConsumedCount", element: 0, field: AccCount, type: int32,
  counter: {}}
"""
_MACHINERY: Final = """
state:
  path: "nsu=http://opcfoundation.org/UA/Machinery/;MachineryBuildingBlocks/MachineryItemState/ns=0;CurrentState"
  type: int32
  words: {NotAvailable: 0, OutOfService: 1, NotExecuting: 2, Executing: 3}
  labels: {0: "off", 1: down, 2: idle, 3: running}
mode:
  path: "nsu=http://opcfoundation.org/UA/Machinery/;MachineryBuildingBlocks/MachineryOperationMode/ns=0;CurrentState"
  type: int32
  words: {None: 0, Maintenance: 1, Setup: 2, Processing: 3}
  labels: {0: idle, 1: down, 2: setup, 3: running}
"""
READY_POINTS: Final = {"packml": _PACKML, "machinery": _MACHINERY}
IF_NAMED: Final = frozenset({"processed", "defective", "consumed"})
"""Points that are optional in the model: they are laid under only where `points` of the device names them."""


def with_ready_points(device: yaml.MappingNode, findings: Findings) -> yaml.MappingNode:
    """The device with the points of its `profile` laid under its own; as it is where it has no such profile."""
    written = entries(device)
    protocol, profile = written.get("protocol"), written.get("profile")
    ready = READY_POINTS.get(word_of(profile[1])) if profile is not None else None
    if profile is None or ready is None or protocol is None or protocol[1].value != "opcua":
        return device
    points = yaml.compose(ready, Loader=yaml.SafeLoader)
    if not isinstance(points, yaml.MappingNode):
        return device
    own = written["points"][1] if "points" in written else None
    named = set(entries(own)) if isinstance(own, yaml.MappingNode) else set()
    points.value = [entry for entry in points.value if entry[0].value in named or entry[0].value not in IF_NAMED]
    _place(points, profile[1])
    key = yaml.ScalarNode("tag:yaml.org,2002:str", "points", profile[1].start_mark, profile[1].end_mark)
    base = yaml.MappingNode(device.tag, [(key, points)], device.start_mark, device.end_mark)
    return lay_over(base, device, findings)


def _place(node: yaml.Node, place: yaml.Node) -> None:
    """What is said about a ready point stands where the profile is named."""
    node.start_mark, node.end_mark = place.start_mark, place.end_mark
    match node:
        case yaml.MappingNode():
            for key, value in node.value:
                _place(key, place)
                _place(value, place)
        case yaml.SequenceNode():
            for item in node.value:
                _place(item, place)
