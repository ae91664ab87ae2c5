"""Pages that the server renders: the board, signing in, choosing a password. Nothing comes from elsewhere."""

from genba_cloud.web.alert_pages import AlertParts, create_alert_pages
from genba_cloud.web.bottlenecks import create_bottleneck_page
from genba_cloud.web.label_pages import LabelParts, create_label_pages
from genba_cloud.web.pages import BoardSource, PageParts, create_pages
from genba_cloud.web.question_pages import QuestionParts, create_question_pages
from genba_cloud.web.scan_pages import ScanParts, create_scan_pages
from genba_cloud.web.stations import create_station_page
from genba_cloud.web.words import Language

__all__ = [
    "AlertParts",
    "BoardSource",
    "LabelParts",
    "Language",
    "PageParts",
    "QuestionParts",
    "ScanParts",
    "create_alert_pages",
    "create_bottleneck_page",
    "create_label_pages",
    "create_pages",
    "create_question_pages",
    "create_scan_pages",
    "create_station_page",
]
