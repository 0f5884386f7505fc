"""Pages and pictures: the HTML shell, one stylesheet, charts as inline SVG; no script, no request.

Every function returns text. Drawings take their colours from the stylesheet, so they belong in a
`page`, or in a `fragment` if there already is a page, such as a notebook.
"""

from clearconv.pages.bar_charts import bars, histogram
from clearconv.pages.line_charts import line_chart
from clearconv.pages.matrices import matrix
from clearconv.pages.ours import check_replaceable
from clearconv.pages.pictures import picture
from clearconv.pages.sheet import Pixels, png, side_by_side
from clearconv.pages.shell import fragment, page

__all__ = [
    "Pixels",
    "bars",
    "check_replaceable",
    "fragment",
    "histogram",
    "line_chart",
    "matrix",
    "page",
    "picture",
    "png",
    "side_by_side",
]
