// The register tile by itself, with nothing around it.
#include "peak.h"
#include "native/tile/tile.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// A and B fit the nearest cache together; rows of A lie an odd number of cache lines apart, which
// spreads them over all of it.
constexpr Index kDepth = 192, kPitch = 208;

Index run_tile(Index times, const Runtime& runtime) {
  constexpr Index M = kRowsTwo, N = 2 * kLanes<float>, K = kDepth;
  constexpr Index numbers = M * kPitch + K * N + M * N;
  float* a = static_cast<float*>(runtime.scratch(0, numbers * sizeof(float)));
  float* b = a + M * kPitch;
  float* acc = b + K * N;
  for (Index i = 0; i < numbers; ++i) a[i] = 0.001f;
  // each run adds to the previous result, so that none can be optimised away
  for (Index i = 0; i < times; ++i)
    tile<float, M, 2, kPitch, 1>(a, b, K, acc, N, Sum::onward);
  return times * M * N * K;
}

}  // namespace

extern const peak::Kernels peak_kernels = {run_tile};

}  // namespace clearconv::CLEARCONV_VARIANT
