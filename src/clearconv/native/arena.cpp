#include "arena.h"

#include <pthread.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

namespace clearconv::arena {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kRecycled = 32 << 10;          // smaller blocks are malloc's business
constexpr std::size_t kHuge = 2 << 20;               // size of a huge page
constexpr std::size_t kKept = std::size_t(512) << 20;  // bytes that may lie idle

struct Header {  // one line in front of the block
  void* base;
  std::size_t size;
};
static_assert(sizeof(Header) <= kLine);

struct Idle {
  std::mutex mutex;
  std::map<std::size_t, std::vector<void*>> blocks;  // by size
  std::size_t bytes = 0;
  unsigned taken = 0;
};

Idle& idle() {
  static Idle* const state = [] {
    Idle* const made = new Idle;  // never deleted: arrays may outlive every destructor
    pthread_atfork([] { idle().mutex.lock(); }, [] { idle().mutex.unlock(); },
                   [] { idle().mutex.unlock(); });
    return made;
  }();
  return *state;
}

// Four sizes to each power of two, so that at most a fifth of a block is wasted.
std::size_t size_class(std::size_t bytes) {
  std::size_t step = kLine;
  while (step * 8 < bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

void* allocate(std::size_t size, unsigned stagger) {
  const std::size_t offset = kLine * (1 + stagger % 29);
  const std::size_t alignment = size >= kHuge ? kHuge : kLine;
  const std::size_t whole = (size + offset + alignment - 1) / alignment * alignment;
  void* base = std::aligned_alloc(alignment, whole);
  if (!base) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (alignment == kHuge) madvise(base, whole, MADV_HUGEPAGE);
#endif
  char* memory = static_cast<char*>(base) + offset;
  *reinterpret_cast<Header*>(memory - kLine) = {base, size};
  return memory;
}

}  // namespace

void* take(std::size_t bytes) {
  if (bytes < kRecycled) return allocate(bytes, 0);
  const std::size_t size = size_class(bytes);
  Idle& state = idle();
  unsigned stagger = 0;
  {
    const std::lock_guard<std::mutex> lock(state.mutex);
    std::vector<void*>& same = state.blocks[size];
    if (!same.empty()) {
      void* memory = same.back();
      same.pop_back();
      state.bytes -= size;
      return memory;
    }
    stagger = state.taken++;
  }
  return allocate(size, stagger);
}

void give(void* memory) noexcept {
  const Header header = *reinterpret_cast<Header*>(static_cast<char*>(memory) - kLine);
  if (header.size >= kRecycled) {
    Idle& state = idle();
    const std::lock_guard<std::mutex> lock(state.mutex);
    if (state.bytes + header.size <= kKept) {
      try {
        state.blocks[header.size].push_back(memory);
        state.bytes += header.size;
        return;
      } catch (const std::bad_alloc&) {  // no room even for a note: let it go
      }
    }
  }
  std::free(header.base);
}

}  // namespace clearconv::arena
