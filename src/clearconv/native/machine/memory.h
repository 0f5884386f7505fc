// Memory from the system: what the arena and the scratch memory of threads are made of.
//
// CLEARCONV_ARENA, read once, lets tests show that no result depends on where memory comes from:
// "off" allocates every block afresh and exactly as long as requested, so that a tool that watches
// the edges of blocks sees each access beyond one; "poison" fills every block that is allocated
// with NaNs. Unset or "on", memory is kept and reused as it is.
#pragma once

#include <cstddef>

namespace clearconv::memory {

enum class Mode { on, off, poison };

// Throws std::runtime_error if CLEARCONV_ARENA is anything else.
Mode mode();

// Aligned to a cache line. Throws std::bad_alloc; given back with std::free.
void* allocate(std::size_t bytes);

// Every float and double in it becomes a NaN, every integer -1.
void poison(void* memory, std::size_t bytes);

// Number of times that `allocate` was asked for more than 64 KiB.
std::size_t large_allocations();

}  // namespace clearconv::memory
