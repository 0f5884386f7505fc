#include "threads.h"

#include <pthread.h>
#ifdef __linux__
#include <sched.h>
#endif
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <new>
#include <thread>

#include "memory.h"

namespace clearconv::threads {
namespace {

constexpr int kSpins = 10000;  // 100 or 200 microseconds: more than the gap between two layers

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

Index usable_cpus() {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  const Index count = std::thread::hardware_concurrency();
  return count > 0 ? count : 1;
}

Index initial_threads() {
  const char* wanted = std::getenv("OMP_NUM_THREADS");
  const long count = wanted ? std::strtol(wanted, nullptr, 10) : 0;  // "4,2" means 4 here
  return count > 0 ? count : usable_cpus();
}

// Memory of one thread that only grows; freed when the thread ends.
class Scratch {
 public:
  ~Scratch() { std::free(data_); }
  void* get(std::size_t bytes) {
    const memory::Mode mode = memory::mode();
    if (bytes > size_ || mode == memory::Mode::off) {
      std::free(data_);
      data_ = nullptr, size_ = 0;
      const std::size_t slack = mode == memory::Mode::off ? 0 : bytes / 4;
      data_ = memory::allocate(bytes + slack);
      size_ = bytes + slack;
    }
    if (mode == memory::Mode::poison) memory::poison(data_, bytes);
    return data_;
  }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

void* scratch(int slot, std::size_t bytes) {
  thread_local Scratch slots[4];
  return slots[slot].get(bytes);
}

class Pool {
 public:
  void run(Index units, void (*work)(void*, Index), void* context) {
    const Index wanted = (units < get() ? units : get()) - 1;
    if (wanted <= 0 || busy_.exchange(true, std::memory_order_acquire)) {
      for (Index unit = 0; unit < units; ++unit) work(context, unit);
      return;
    }
    const Index helpers = start(wanted);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      work_ = work, context_ = context, units_ = units, helpers_ = helpers;
      next_.store(0, std::memory_order_relaxed);
      failed_.store(false, std::memory_order_relaxed);
      open_ = true;
      round_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    claim();
    {  // Threads that have not woken yet find the round closed; only those inside are waited for.
      const std::lock_guard<std::mutex> lock(mutex_);
      open_ = false;
    }
    const auto all_out = [this] { return inside_.load(std::memory_order_acquire) == 0; };
    for (int spin = 0; spin < kSpins && !all_out(); ++spin) pause();  // rather than sleep
    {
      std::unique_lock<std::mutex> lock(mutex_);
      done_.wait(lock, all_out);
    }
    const bool failed = failed_.load(std::memory_order_relaxed);
    busy_.store(false, std::memory_order_release);
    if (failed) throw std::bad_alloc();  // all that a unit of work can throw
  }

 private:
  // Return the number of helpers, at most `wanted`. Where the system allows no more threads
  // (a limit on processes or memory), those that run do the work; the next call tries again.
  Index start(Index wanted) noexcept {
    try {
      for (; started_ < wanted; ++started_)
        std::thread(&Pool::serve, this, started_, round_.load()).detach();
    } catch (const std::exception&) {  // std::system_error or std::bad_alloc
      return started_;
    }
    return wanted;
  }

  void serve(Index self, unsigned long seen) {
    const FlushSubnormals flush;
    for (;;) {
      for (int spin = 0; spin < kSpins && round_.load(std::memory_order_acquire) == seen; ++spin)
        pause();
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return round_.load(std::memory_order_relaxed) != seen; });
        seen = round_.load(std::memory_order_relaxed);
        if (!open_ || self >= helpers_) continue;
        inside_.fetch_add(1, std::memory_order_relaxed);
      }
      claim();
      const std::lock_guard<std::mutex> lock(mutex_);
      if (inside_.fetch_sub(1, std::memory_order_release) == 1) done_.notify_one();
    }
  }

  void claim() {
    try {
      for (Index unit; (unit = next_.fetch_add(1, std::memory_order_relaxed)) < units_;)
        work_(context_, unit);
    } catch (...) {
      failed_.store(true, std::memory_order_relaxed);
    }
  }

  std::atomic<bool> busy_{false}, failed_{false};
  std::atomic<Index> next_{0}, inside_{0};
  std::atomic<unsigned long> round_{0};
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  void (*work_)(void*, Index) = nullptr;
  void* context_ = nullptr;
  Index units_ = 0, helpers_ = 0, started_ = 0;
  bool open_ = false;
};

std::atomic<Index> wanted{0};
// Never deleted: its detached threads may outlive every destructor.
std::atomic<Pool*> pool{nullptr};

void forget_pool() { pool.store(nullptr); }  // in a forked child, whose copy has no threads

Pool& the_pool() {
  Pool* present = pool.load(std::memory_order_acquire);
  if (!present) {
    static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
    (void)registered;
    Pool* fresh = new Pool;
    if (pool.compare_exchange_strong(present, fresh)) return *fresh;
    delete fresh;  // another thread was first; this one has started no threads
  }
  return *present;
}

void parallel(Index units, void (*work)(void*, Index), void* context) {
  the_pool().run(units, work, context);
}

}  // namespace

Index get() {
  Index count = wanted.load(std::memory_order_relaxed);
  if (count == 0) {
    count = initial_threads();
    wanted.store(count, std::memory_order_relaxed);
  }
  return count;
}

void set(Index count) { wanted.store(count, std::memory_order_relaxed); }

const Runtime runtime = {get, parallel, scratch};

#if defined(__x86_64__)
FlushSubnormals::FlushSubnormals() : before_(_mm_getcsr()) {
  _mm_setcsr(static_cast<unsigned>(before_) | 0x8040);  // FTZ and DAZ
}
FlushSubnormals::~FlushSubnormals() { _mm_setcsr(static_cast<unsigned>(before_)); }
#elif defined(__aarch64__)
FlushSubnormals::FlushSubnormals() {
  asm volatile("mrs %0, fpcr" : "=r"(before_));
  asm volatile("msr fpcr, %0" ::"r"(before_ | (1ul << 24)));  // FZ
}
FlushSubnormals::~FlushSubnormals() { asm volatile("msr fpcr, %0" ::"r"(before_)); }
#else
FlushSubnormals::FlushSubnormals() : before_(0) {}
FlushSubnormals::~FlushSubnormals() {}
#endif

}  // namespace clearconv::threads
