"""The glass box: a pass of a network as a page on which every number shows where it comes from."""

from clearconv.glassbox.example import ABOUT_EXAMPLE, article_example
from clearconv.glassbox.run import TracedImage, lead_of, trace_image
from clearconv.glassbox.write import glass_box, write_glass_box

__all__ = [
    "ABOUT_EXAMPLE",
    "TracedImage",
    "article_example",
    "glass_box",
    "lead_of",
    "trace_image",
    "write_glass_box",
]
