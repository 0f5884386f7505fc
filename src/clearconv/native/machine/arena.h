// Memory for results, recycled: a training step asks for the same sizes again and again, and fresh
// pages from the system cost more than the arithmetic that fills them.
#pragma once

#include <cstddef>

namespace clearconv::arena {

// `bytes` of memory, aligned to a cache line; base addresses are staggered, so that equal offsets
// in two arrays do not compete for the same cache set. Throws std::bad_alloc.
void* take(std::size_t bytes);
void give(void* memory) noexcept;

}  // namespace clearconv::arena
