// Whole arrays number by number, wherever each lies in its array: dense memory of one order.
#pragma once

#include "native/tile/tile.h"

namespace clearconv::CLEARCONV_VARIANT {

// Call work(begin, end) for ranges of [0, count), `step` long, on any thread.
template <class Work>
inline void over_ranges(Index count, Index step, const Runtime& runtime, const Work& work) {
  struct Call {
    const Work& work;
    Index count, step;
  } call = {work, count, step};
  const auto unit = [](void* context, Index unit) {
    const Call& call = *static_cast<Call*>(context);
    call.work(unit * call.step, least(call.count, (unit + 1) * call.step));
  };
  runtime.parallel(ceil_div(count, step), unit, &call);
}

constexpr Index kStretch = 1 << 15;  // numbers of one unit of work: whole vectors

// to[i] = f(from[i]...), where f takes and gives vectors.
template <class T, class F, class... From>
inline void each(T* to, Index count, const Runtime& runtime, const F& f, const From*... from) {
  over_ranges(count, kStretch, runtime, [&](Index begin, Index end) {
    Index i = begin;
    for (; i + kLanes<T> <= end; i += kLanes<T>) store<T>(to + i, f(load(from + i)...));
    if (i < end) store_part<T>(to + i, f(load_part(from + i, end - i)...), end - i);
  });
}

}  // namespace clearconv::CLEARCONV_VARIANT
