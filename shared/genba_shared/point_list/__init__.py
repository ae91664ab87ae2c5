"""Point lists of PLC people (CSV, XLSX) and the device map that comes of them."""

from genba_shared.point_list.importing import Imported, ImportSettings, import_point_list
from genba_shared.point_list.rows import Protocol
from genba_shared.point_list.table import PointListError, RowProblem

__all__ = ["ImportSettings", "Imported", "PointListError", "Protocol", "RowProblem", "import_point_list"]
