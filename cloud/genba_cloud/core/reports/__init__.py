"""Reports as data: what a team talks about in the morning, and what it learns from a week."""

from genba_cloud.core.reports.answers import Answer, Trouble, answer_of
from genba_cloud.core.reports.morning import (
    Change,
    MorningOrder,
    MorningReport,
    morning_report,
    to_talk_about,
    with_trouble,
)
from genba_cloud.core.reports.weekly import CauseShare, DelayedOrder, Effect, LateNode, WeeklyReport, weekly_report

__all__ = [
    "Answer",
    "CauseShare",
    "Change",
    "DelayedOrder",
    "Effect",
    "LateNode",
    "MorningOrder",
    "MorningReport",
    "Trouble",
    "WeeklyReport",
    "answer_of",
    "morning_report",
    "to_talk_about",
    "weekly_report",
    "with_trouble",
]
