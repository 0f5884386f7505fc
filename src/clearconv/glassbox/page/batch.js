"use strict";
// The images of a training batch after the first: the contribution of each.

const Batch = (() => {
  /** Of one element of a sum over the batch: a number for each image from the second on, or null. */
  function shares({ arrays }, result, index) {
    const each = arrays[`each ${result}`];
    if (!each) return null;
    const found = each.picks[0].map((n) => each.at([n, ...index]));
    return found.includes(undefined) ? null : found;
  }

  /** Batch norm's backward pass through mean and variance, which depend on all images: each part. */
  function through(layer, result, index, names) {
    const { arrays, constants } = layer;
    if (result !== "grad_x" || !constants.count || names.length < 2) return null;
    const c = [index[0]], hat = arrays.hat.at(index);
    const errors = shares(layer, "grad_bias", c), alike = shares(layer, "grad_weight", c);
    if (hat === undefined || !errors || !alike) return null;
    const share = (-1 / constants.count) * arrays.weight.at(c) * arrays.scale.at(c);
    const first = (name, others) => others.reduce((rest, one) => rest - one, arrays[name].at(c));
    const [db, dw] = [[first("grad_bias", errors), ...errors], [first("grad_weight", alike), ...alike]];
    return names.map((name, n) => ({ name, value: share * (db[n] + hat * dw[n]) }));
  }

  return { shares, through };
})();
