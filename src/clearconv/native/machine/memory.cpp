#include "memory.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>

namespace clearconv::memory {
namespace {

constexpr std::size_t kLine = 64, kLarge = 64 << 10;
constexpr std::size_t kHuge = 2 << 20;  // size of a huge page: fewer of these cover a large block

std::atomic<std::size_t> large{0};

Mode read_mode() {
  const char* value = std::getenv("CLEARCONV_ARENA");
  const std::string wanted = value ? value : "";
  if (wanted.empty() || wanted == "on") return Mode::on;
  if (wanted == "off") return Mode::off;
  if (wanted == "poison") return Mode::poison;
  throw std::runtime_error("CLEARCONV_ARENA is '" + wanted +
                           "', but it must be on, off or poison. Unset it to train.");
}

}  // namespace

Mode mode() {
  static const Mode mode = read_mode();
  return mode;
}

void* allocate(std::size_t bytes) {
  if (bytes > kLarge) large.fetch_add(1, std::memory_order_relaxed);
  void* memory = nullptr;
  if (posix_memalign(&memory, bytes < kHuge ? kLine : kHuge, bytes) != 0) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (bytes >= kHuge) madvise(memory, bytes / kHuge * kHuge, MADV_HUGEPAGE);
#endif
  return memory;
}

void poison(void* memory, std::size_t bytes) { std::memset(memory, 0xFF, bytes); }

std::size_t large_allocations() { return large.load(std::memory_order_relaxed); }

}  // namespace clearconv::memory
