"""What people do on the floor, decided: from how things stand and what is wanted to events, or a refusal."""

from genba_cloud.core.actions.material import MaterialWish, Movement, decide_material
from genba_cloud.core.actions.node_rules import decide_node
from genba_cloud.core.actions.order_rules import HIGHEST_PRIORITY, decide_order
from genba_cloud.core.actions.problems import (
    Category,
    Problem,
    ProblemWish,
    causes_of,
    decide_explain,
    decide_report,
    decide_resolve,
    problem_of,
)
from genba_cloud.core.actions.said import NodeSaid, OrderSaid, said_of_node, said_of_order
from genba_cloud.core.actions.scanning import Aim, aim, next_places, usual_action
from genba_cloud.core.actions.standing import Lack, Missing, NodePlace, State, places_of
from genba_cloud.core.actions.undo import MOST_TARGETS, UndoRight, decide_undo, right_to_undo
from genba_cloud.core.actions.wishes import (
    ActionRefused,
    Actor,
    Already,
    Decided,
    Decision,
    Entry,
    NodeAction,
    NodeWish,
    OrderAction,
    OrderWish,
    Rank,
    Why,
)

__all__ = [
    "HIGHEST_PRIORITY",
    "MOST_TARGETS",
    "ActionRefused",
    "Actor",
    "Aim",
    "Already",
    "Category",
    "Decided",
    "Decision",
    "Entry",
    "Lack",
    "MaterialWish",
    "Missing",
    "Movement",
    "NodeAction",
    "NodePlace",
    "NodeSaid",
    "NodeWish",
    "OrderAction",
    "OrderSaid",
    "OrderWish",
    "Problem",
    "ProblemWish",
    "Rank",
    "State",
    "UndoRight",
    "Why",
    "aim",
    "causes_of",
    "decide_explain",
    "decide_material",
    "decide_node",
    "decide_order",
    "decide_report",
    "decide_resolve",
    "decide_undo",
    "next_places",
    "places_of",
    "problem_of",
    "right_to_undo",
    "said_of_node",
    "said_of_order",
    "usual_action",
]
