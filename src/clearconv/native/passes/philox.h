// Philox4x64-10, the counter-based generator of random.py: Salmon et al., "Parallel random numbers:
// as easy as 1, 2, 3", 2011. Block b of a key's stream is a function of b alone, so any part of the
// stream can be drawn by anyone.
#pragma once

#include <stdint.h>

#include "native/runtime.h"

namespace clearconv::CLEARCONV_VARIANT {

struct PhiloxBlock {
  uint64_t word[4];

  // As NumPy's Philox(key=key) draws them: its counter is 1 at the first block.
  PhiloxBlock(const uint64_t* key, uint64_t block) : word{block + 1, 0, 0, 0} {
    uint64_t key0 = key[0], key1 = key[1];
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const Wide product0 = Wide(0xD2E7470EE14C6C93) * word[0];
      const Wide product1 = Wide(0xCA5A826395121157) * word[2];
      word[0] = uint64_t(product1 >> 64) ^ word[1] ^ key0;
      word[1] = uint64_t(product1);
      word[2] = uint64_t(product0 >> 64) ^ word[3] ^ key1;
      word[3] = uint64_t(product0);
      key0 += 0x9E3779B97F4A7C15;
      key1 += 0xBB67AE8584CAA73B;
    }
  }

 private:
  __extension__ typedef unsigned __int128 Wide;
};

}  // namespace clearconv::CLEARCONV_VARIANT
