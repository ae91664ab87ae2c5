"""What people do on the floor, decided: from how things stand and what is wanted to events, or a refusal."""

from genba_cloud.core.actions.material import MaterialWish, Movement, decide_material
from genba_cloud.core.actions.node_rules import decide_node
from genba_cloud.core.actions.order_rules import HIGHEST_PRIORITY, decide_order
from genba_cloud.core.actions.preview import Preview, previews
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
from genba_cloud.core.actions.rights import act_of_node, act_of_order, actor_of
from genba_cloud.core.actions.said import NodeSaid, OrderSaid, said_of_node, said_of_order
from genba_cloud.core.actions.scanning import Aim, aim, next_places, usual_action
from genba_cloud.core.actions.standing import (
    Lack,
    Missing,
    NodePlace,
    State,
    WorkSeen,
    places_of,
    work_orders_behind,
)
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
    "Preview",
    "Problem",
    "ProblemWish",
    "Rank",
    "State",
    "UndoRight",
    "Why",
    "WorkSeen",
    "act_of_node",
    "act_of_order",
    "actor_of",
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
    "previews",
    "problem_of",
    "right_to_undo",
    "said_of_node",
    "said_of_order",
    "usual_action",
    "work_orders_behind",
]
