"""What docs/nodes.md offers to copy works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from genba_shared.device_map import load_device_map
from genba_shared.device_map.model import leaves_of

PAGE = Path(__file__).parents[3] / "docs" / "nodes.md"
AROUND = """
version: 1
gateway: {id: gw-1, site: plant-a}
devices:
  - id: cutter1
    protocol: modbus
    host: 10.1.2.20
    points: {good: {at: 40001, type: uint32, counter: {max_rate: 60/min}}, order: {at: 40011, type: string, length: 8}}
  - id: press1
    protocol: modbus
    host: 10.1.2.21
    points:
      good: {at: 40001, type: uint32, counter: {max_rate: 60/min}}
      scrap: {at: 40003, type: uint32, counter: {max_rate: 60/min}}
      order_end: {at: 40010, bit: 0}
  - id: line
    protocol: modbus
    host: 10.1.2.22
    points:
      good1: {at: 40001, type: uint32, counter: {max_rate: 60/min}}
      good2: {at: 40003, type: uint32, counter: {max_rate: 60/min}}
      good3: {at: 40005, type: uint32, counter: {max_rate: 60/min}}
      washed: {at: 40007, type: uint32, counter: {max_rate: 60/min}}
      joined: {at: 40009, type: uint32, counter: {max_rate: 60/min}}
  - id: gate
    protocol: llrp
    host: 10.1.2.40
    antennas: {1: {read_point: in}, 2: {read_point: out}, 3: {read_point: far}}
stations:
  CUT-1: {device: cutter1, counts: {good: good}}
  SEW-1: {device: line, counts: {good: good1}}
  SEW-2: {device: line, counts: {good: good2}}
  SEW-3: {device: line, counts: {good: good3}}
  PRESS-1: {device: press1, counts: {good: good, scrap: scrap}}
  WASH-1: {device: line, counts: {good: washed}, state: {from: washed, idle_after: 3min}}
  ASM-1: {device: line, counts: {good: joined}}
zones:
  hall: {enter: gate/in, leave: gate/out}
  packing: {enter: gate/out, leave: gate/far}
"""


def test_examples_of_node_rules_are_a_map_that_loads() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    rules = load_device_map(Path("plant.yaml"), text=AROUND + example).nodes
    assert {code: [str(leaf) for leaf in leaves_of(rule.done_when.condition)] for code, rule in rules.items()} == {
        "CUT": ["good: node.quantity"],
        "SEW": ["good: node.quantity"],
        "PRESS": ["processed: node.quantity", "rises: press1/order_end"],
        "WASH": ["good: node.quantity", "state: idle, off", "min_time: 1200s"],
        "ASSEMBLE": ["good: node.quantity", "all_left: hall"],
        "PACK": ["all_left: packing"],
    }
