// A small pool of threads for fixed units of work, and what keeps their arithmetic alike.
//
// Units are claimed from an atomic counter, so no result may depend on who computes what. While
// the pool is busy, a call from a second thread computes alone. After a fork the child starts a
// pool of its own: the parent's threads do not exist there.
#pragma once

#include "native/runtime.h"

namespace clearconv::threads {

// Threads in use; at first OMP_NUM_THREADS or the CPUs that this process may use.
Index get();
void set(Index count);

// The pool and its scratch memory, as kernels see them.
extern const Runtime runtime;

// While it lives, numbers below the normal range count as zero on this thread. Training meets them
// (vanishing gradients), some CPUs take a hundred cycles for each, and a thread inherits the
// setting from whoever started it: so it is set, everywhere alike, and put back.
class FlushSubnormals {
 public:
  FlushSubnormals();
  ~FlushSubnormals();
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
  unsigned long before_;
};

}  // namespace clearconv::threads
