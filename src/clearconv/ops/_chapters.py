"""The list of chapters, in reading order."""

from clearconv.ops.conv2d.cases import CHAPTER as _conv2d

CHAPTERS = (_conv2d,)
