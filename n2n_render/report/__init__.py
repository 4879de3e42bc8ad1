"""Pictures and numbers → one HTML file that shows them: wipe, zoom, exposure, error maps, tables. No network, no server."""

from .content import ReportPicture, ReportView, Row, Summary
from .page import REPORT_PAGE, ReportPage, Written, find_written, write_fragment
from .room import Room

__all__ = [
    "REPORT_PAGE",
    "ReportPage",
    "ReportPicture",
    "ReportView",
    "Room",
    "Row",
    "Summary",
    "Written",
    "find_written",
    "write_fragment",
]
