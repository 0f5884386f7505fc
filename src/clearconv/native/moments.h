// Mean and variance of each channel, measured unit by unit and combined in float64.
//
// Each unit of work measures its pixels in two passes; Chan's formula joins the units of a shard in
// order and the shards in a balanced tree, so the bits depend on the batch's shape alone. A sum of
// squares would lose all digits where the mean is large against the deviation.
#pragma once

#include "shards.h"

namespace clearconv::CLEARCONV_VARIANT {

// Of each unit and channel: pixels, mean, sum of squared deviations.
struct Moments {
  Index units, channels;
  Index* count;                // (units)
  double *mean, *deviation;    // (units, channels)

  Moments(Index units, Index channels, const Runtime& runtime) : units(units), channels(channels) {
    const Index each = units * channels;
    char* memory = static_cast<char*>(
        runtime.scratch(2, 2 * each * sizeof(double) + units * sizeof(Index)));
    mean = reinterpret_cast<double*>(memory);
    deviation = mean + each;
    count = reinterpret_cast<Index*>(deviation + each);
  }

  // Unit `into` takes in the pixels of `from`.
  void join(Index into, Index from) const {
    const double m = double(count[into]), n = double(count[from]), all = m + n;
    double *mean_into = mean + into * channels, *deviation_into = deviation + into * channels;
    const double *mean_from = mean + from * channels, *deviation_from = deviation + from * channels;
    for (Index c = 0; c < channels; ++c) {
      const double away = mean_from[c] - mean_into[c];
      mean_into[c] += away * (n / all);
      deviation_into[c] += deviation_from[c] + away * away * (m * n / all);
    }
    count[into] += count[from];
  }

  // Join all units, of which `first[s]` to `first[s + 1]` belong to shard s.
  void combine(const Index* first, Index shards, double* mean_of_all, double* var_of_all) const {
    for (Index s = 0; s < shards; ++s)
      for (Index unit = first[s] + 1; unit < first[s + 1]; ++unit) join(first[s], unit);
    for (Index step = 1; step < shards; step *= 2)
      for (Index s = 0; s + step < shards; s += 2 * step) join(first[s], first[s + step]);
    for (Index c = 0; c < channels; ++c) {
      mean_of_all[c] = mean[c];
      var_of_all[c] = deviation[c] / double(count[0]);
    }
  }
};

}  // namespace clearconv::CLEARCONV_VARIANT
