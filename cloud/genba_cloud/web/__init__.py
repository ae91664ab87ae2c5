"""Pages that the server renders: the board, signing in, choosing a password. Nothing comes from elsewhere."""

from genba_cloud.web.alert_pages import AlertParts, create_alert_pages
from genba_cloud.web.pages import BoardSource, PageParts, create_pages
from genba_cloud.web.question_pages import QuestionParts, create_question_pages
from genba_cloud.web.stations import create_station_page
from genba_cloud.web.words import Language

__all__ = [
    "AlertParts",
    "BoardSource",
    "Language",
    "PageParts",
    "QuestionParts",
    "create_alert_pages",
    "create_pages",
    "create_question_pages",
    "create_station_page",
]
