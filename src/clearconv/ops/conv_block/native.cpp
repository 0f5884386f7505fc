// What a fused block does besides its convolution: the end of a residual block, and the sums over
// the batch that batch norm's gradients are made of. Both are passes of batch_norm2d.
#include "native.h"

#include "../../native/operand.h"
#include "../batch_norm2d/gradients.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

template <class T>
Term<T> term(const Operand<T>& operand) {
  return {operand.x, {operand.centre, operand.scale, operand.shift}, operand.relu};
}

template <class T>
void add(const Operand<T>& x, const Operand<T>& other, bool relu, T* y, const Runtime& runtime) {
  add_terms(term(x), term(other), relu, y, runtime);
}

template <class T>
void gradient_sums(const Operand<T>& gradient, double* sums, const Runtime& runtime) {
  const Operand<T>& o = gradient;
  sum_gradient<T>(o.x, o.beside, {o.centre, o.scale, o.shift}, o.relu, sums, runtime);
}

}  // namespace

extern const conv_block::Kernels conv_block_kernels = {
    {add<float>, gradient_sums<float>},
    {add<double>, gradient_sums<double>},
};

}  // namespace clearconv::CLEARCONV_VARIANT
