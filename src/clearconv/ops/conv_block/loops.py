"""The other chapters' loops, one after another."""

from clearconv.ops.conv_block.composed import Composed

_telling = Composed("loops")

forward = _telling.forward
forward_moments = _telling.forward_moments
gradient_sums = _telling.gradient_sums
backward = _telling.backward
add = _telling.add
computed = _telling.computed
room = _telling.room
write = _telling.write
