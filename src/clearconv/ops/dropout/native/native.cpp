// Dropout: masks drawn block by block, and their use on an array, per instruction set.
#include "native.h"

#include "native/passes/flat.h"
#include "native/passes/philox.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

constexpr Index kUnitDraws = 1 << 13;  // a draw costs more than a number that is there already
constexpr Index kDraws = 8;  // of one block: the low half of each word, then the high half

// Units [first, end) of one sample. A draw is the upper 24 bits of 32, as NumPy's float32 number
// in [0, 1) is made of them.
void draw(const uint64_t* key, Index first, Index end, uint32_t threshold, uint8_t* kept) {
  const auto keeps = [=](uint64_t bits) { return uint32_t(bits) >> 8 >= threshold; };
  for (Index unit = first; unit < end;) {
    const PhiloxBlock block(key, uint64_t(unit / kDraws));
    uint8_t of_block[kDraws];
    for (int w = 0; w < 4; ++w) {
      of_block[2 * w] = keeps(block.word[w]);
      of_block[2 * w + 1] = keeps(block.word[w] >> 32);
    }
    const Index from = unit % kDraws, count = least(kDraws - from, end - unit);
    if (count == kDraws)
      std::memcpy(kept + unit, of_block, kDraws);
    else
      for (Index i = 0; i < count; ++i) kept[unit + i] = of_block[from + i];
    unit += count;
  }
}

void mask(const uint64_t* keys, Index N, Index each, uint32_t threshold, uint8_t* kept,
          const Runtime& runtime) {
  over_ranges(N * each, kUnitDraws, runtime, [=](Index begin, Index end) {
    for (Index n = begin / each; n * each < end; ++n) {
      const Index first = most(begin - n * each, 0);
      draw(keys + 2 * n, first, least(end - n * each, each), threshold, kept + n * each);
    }
  });
}

// Compilers make vectors of this loop, since the numbers dropped are read, too, and nothing else
// writes to `to`.
template <class T>
void keep(const T* from, const uint8_t* kept, T factor, Index count, T* __restrict to) {
  for (Index i = 0; i < count; ++i) {
    const T grown = from[i] * factor;
    to[i] = kept[i] ? grown : T(0);
  }
}

template <class T>
void scale(const T* values, const uint8_t* kept, T factor, Index count, T* scaled,
           const Runtime& runtime) {
  over_ranges(count, kStretch, runtime, [=](Index begin, Index end) {
    keep(values + begin, kept + begin, factor, end - begin, scaled + begin);
  });
}

}  // namespace

extern const dropout::Kernels dropout_kernels = {{scale<float>}, {scale<double>}, mask};

}  // namespace clearconv::CLEARCONV_VARIANT
