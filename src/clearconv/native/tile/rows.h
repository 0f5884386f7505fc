// Units of work that are some rows of some images.
#pragma once

#include "tile.h"

namespace clearconv::CLEARCONV_VARIANT {

// Call pass.row(n, r) for every row of every image, each row of about `numbers` numbers.
template <class Pass>
inline void each_row(const Pass& pass, Index images, Index rows, Index numbers,
                     const Runtime& runtime) {
  constexpr Index kUnitNumbers = 1 << 15;
  struct Units {
    const Pass& pass;
    Index rows, count, per_unit;
    static void work(void* context, Index unit) {
      const Units& self = *static_cast<Units*>(context);
      const Index begin = unit * self.per_unit, end = least(self.count, begin + self.per_unit);
      for (Index row = begin; row < end; ++row) self.pass.row(row / self.rows, row % self.rows);
    }
  };
  Units units = {pass, rows, images * rows, most(1, kUnitNumbers / most(1, numbers))};
  runtime.parallel(ceil_div(units.count, units.per_unit), Units::work, &units);
}

}  // namespace clearconv::CLEARCONV_VARIANT
