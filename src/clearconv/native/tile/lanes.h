// Loops over any number of lanes: one formula for whole vectors and for what is left over.
//
// The formula is written once, for V = Vector<T> and V = T, so a lane's bits do not depend on
// which of them computes it.
#pragma once

#include "tile.h"

namespace clearconv::CLEARCONV_VARIANT {

template <class V, class T>
inline V get(const T* from) {
  V lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

template <class V, class T>
inline void put(T* to, V lanes) {
  std::memcpy(to, &lanes, sizeof lanes);
}

// The same lanes, loaded by now. Where lanes are chosen by a comparison, compilers would load after
// it, under its mask: on data from memory that takes a third longer.
template <class V>
inline V loaded(V lanes) {
#if defined(__x86_64__)
  asm("" : "+v"(lanes));
#elif defined(__aarch64__)
  asm("" : "+w"(lanes));
#endif
  return lanes;
}

// Call work(lane, V{}) for vectors of lanes while they fit, then lane by lane.
template <class T, class Work>
inline void over_lanes(Index lanes, const Work& work) {
  Index l = 0;
  for (; l + kLanes<T> <= lanes; l += kLanes<T>) work(l, Vector<T>{});
  for (; l < lanes; ++l) work(l, T{});
}

}  // namespace clearconv::CLEARCONV_VARIANT
