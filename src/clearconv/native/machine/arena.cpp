#include "arena.h"

#include <pthread.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "memory.h"

namespace clearconv::arena {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kRecycled = 32 << 10;            // smaller blocks are malloc's business
constexpr std::size_t kKept = std::size_t(512) << 20;  // bytes that may lie idle in any case

struct Header {  // one line in front of the block
  void* base;
  std::size_t size;
};
static_assert(sizeof(Header) <= kLine);

struct SizeClass {
  std::vector<void*> idle;
  unsigned long last_taken = 0;
};

struct State {
  std::mutex mutex;
  std::map<std::size_t, SizeClass> classes;
  std::size_t idle = 0, in_use = 0, most_in_use = 0;  // bytes
  unsigned long taken = 0;

  void use(std::size_t size) {
    in_use += size;
    if (in_use > most_in_use) most_in_use = in_use;
  }
};

State& shared() {
  static State* const state = [] {
    State* const made = new State;  // never deleted: arrays may outlive all destructors
    pthread_atfork([] { shared().mutex.lock(); }, [] { shared().mutex.unlock(); },
                   [] { shared().mutex.unlock(); });
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

void* allocate(std::size_t size, std::size_t stagger) {
  const std::size_t offset = kLine * (1 + stagger % 29);
  if (size > SIZE_MAX - offset) throw std::bad_alloc();
  void* base = memory::allocate(offset + size);
  char* block = static_cast<char*>(base) + offset;
  *reinterpret_cast<Header*>(block - kLine) = {base, size};
  return block;
}

const Header& header(void* block) {
  return *reinterpret_cast<Header*>(static_cast<char*>(block) - kLine);
}

void release(void* block) { std::free(header(block).base); }

void* recycle(std::size_t size) {
  State& state = shared();
  unsigned long stagger = 0;
  {
    const std::lock_guard<std::mutex> lock(state.mutex);
    SizeClass& same = state.classes[size];
    same.last_taken = stagger = ++state.taken;
    if (!same.idle.empty()) {
      void* block = same.idle.back();
      same.idle.pop_back();
      state.idle -= size;
      state.use(size);
      return block;
    }
  }
  void* block = allocate(size, stagger);
  const std::lock_guard<std::mutex> lock(state.mutex);
  state.use(size);
  return block;
}

// An idle block of the size that was last requested longest ago.
void release_stalest(State& state) {
  auto stalest = state.classes.end();
  for (auto it = state.classes.begin(); it != state.classes.end(); ++it)
    if (!it->second.idle.empty() &&
        (stalest == state.classes.end() || it->second.last_taken < stalest->second.last_taken))
      stalest = it;
  release(stalest->second.idle.back());
  stalest->second.idle.pop_back();
  state.idle -= stalest->first;
}

bool recycled(std::size_t size) {
  return size >= kRecycled && memory::mode() != memory::Mode::off;
}

}  // namespace

void* take(std::size_t bytes) {
  if (bytes > SIZE_MAX / 2) throw std::bad_alloc();
  void* block = recycled(bytes) ? recycle(size_class(bytes)) : allocate(bytes, 0);
  if (memory::mode() == memory::Mode::poison) memory::poison(block, bytes);
  return block;
}

void give(void* block) noexcept {
  const std::size_t size = header(block).size;
  if (!recycled(size)) return release(block);
  State& state = shared();
  const std::lock_guard<std::mutex> lock(state.mutex);
  state.in_use -= size;
  try {
    state.classes[size].idle.push_back(block);
  } catch (const std::bad_alloc&) {  // no room even for a note: let it go
    return release(block);
  }
  state.idle += size;
  // What was in use at once may be again; beyond that, sizes no longer requested go first.
  while (state.idle > kKept && state.idle > state.most_in_use) release_stalest(state);
}

}  // namespace clearconv::arena
