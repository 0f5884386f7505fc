"""The list of chapters, in reading order."""

from clearconv.ops.activation.cases import CHAPTER as _activation
from clearconv.ops.adaptive_avg_pool2d.cases import CHAPTER as _adaptive_avg_pool2d
from clearconv.ops.avg_pool2d.cases import CHAPTER as _avg_pool2d
from clearconv.ops.batch_norm2d.cases import CHAPTER as _batch_norm2d
from clearconv.ops.conv2d.cases import CHAPTER as _conv2d
from clearconv.ops.conv_block.cases import CHAPTER as _conv_block
from clearconv.ops.conv_transpose2d.cases import CHAPTER as _conv_transpose2d
from clearconv.ops.cross_entropy.cases import CHAPTER as _cross_entropy
from clearconv.ops.dropout.cases import CHAPTER as _dropout
from clearconv.ops.global_avg_pool2d.cases import CHAPTER as _global_avg_pool2d
from clearconv.ops.group_norm.cases import CHAPTER as _group_norm
from clearconv.ops.im2col.cases import CHAPTER as _im2col
from clearconv.ops.linear.cases import CHAPTER as _linear
from clearconv.ops.max_pool2d.cases import CHAPTER as _max_pool2d
from clearconv.ops.softmax.cases import CHAPTER as _softmax
from clearconv.ops.squared_error.cases import CHAPTER as _squared_error
from clearconv.ops.update.cases import CHAPTER as _update
from clearconv.ops.upsample2d.cases import CHAPTER as _upsample2d

CHAPTERS = (
    _im2col,
    _conv2d,
    _conv_transpose2d,
    _max_pool2d,
    _avg_pool2d,
    _global_avg_pool2d,
    _adaptive_avg_pool2d,
    _upsample2d,
    _linear,
    _activation,
    _softmax,
    _cross_entropy,
    _squared_error,
    _batch_norm2d,
    _group_norm,
    _dropout,
    _conv_block,
    _update,
)
