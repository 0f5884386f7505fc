"use strict";
// Which numbers met. For each chapter and each result: the terms of the sum that made one element,
// each a list of factors: [array, index], or a plain number. Where windows lie is looked up in the
// layer's tables, never worked out here: `outputs` says which [element, input] an output met along
// an axis, `inputs` which [element, output] an input met, `kernel` which [output, input] an element.

const Meet = (() => {
  const range = (first, count) => Array.from({ length: count }, (_, k) => first + k);
  const cross = (rows, columns) => rows.flatMap(([a, b]) => columns.map(([c, d]) => [a, c, b, d]));

  const met = {
    output: ({ taps }, [p, q]) => cross(taps.rows.outputs[p], taps.columns.outputs[q]), // [i, j, r, t]
    input: ({ taps }, [r, t]) => cross(taps.rows.inputs[r], taps.columns.inputs[t]), // [i, j, p, q]
    kernel: ({ taps }, [i, j]) => cross(taps.rows.kernel[i], taps.columns.kernel[j]), // [p, q, r, t]
  };

  /** The input channels that an output channel sees. */
  const seen = ({ taps }, o) => range(taps.channels[o][0], taps.channels[o][1] - taps.channels[o][0]);
  /** The output channels that see an input channel. */
  const seers = ({ taps }, c) =>
    range(0, taps.channels.length).filter((o) => taps.channels[o][0] <= c && c < taps.channels[o][1]);

  // With an activation inside, the sum is `net` and its error term `grad_net`; else y and grad_y.
  const out = (layer) => (layer.arrays.net ? "net" : "y");
  const error = (layer) => (layer.arrays.net ? "grad_net" : "grad_y");
  const withBias = (layer, terms, index) => {
    const { bias } = layer.arrays;
    return bias ? [...terms, [["bias", index.slice(0, bias.shape.length)]]] : terms;
  };

  function biasGradient(layer, index) {
    const name = error(layer), shape = layer.arrays[name].shape;
    if (index.length === shape.length) return [[[name, index]]];
    return range(0, shape[1]).flatMap((p) => range(0, shape[2]).map((q) => [[name, [...index, p, q]]]));
  }

  /** Through the activation, inside a layer or as one of its own. */
  const through = (layer, index) => [[["slope", index], ["grad_y", index]]];

  const conv2d = {
    grad_net: through,
    sum(layer, [o, p, q]) {
      const window = met.output(layer, [p, q]);
      const terms = seen(layer, o).flatMap((c, k) =>
        window.map(([i, j, r, t]) => [["weight", [o, k, i, j]], ["x", [c, r, t]]]),
      );
      return withBias(layer, terms, [o, p, q]);
    },
    grad_x(layer, [c, r, t]) {
      const window = met.input(layer, [r, t]);
      return seers(layer, c).flatMap((o) =>
        window.map(([i, j, p, q]) => [
          ["weight", [o, c - layer.taps.channels[o][0], i, j]],
          [error(layer), [o, p, q]],
        ]),
      );
    },
    grad_weight: (layer, [o, k, i, j]) =>
      met.kernel(layer, [i, j]).map(([p, q, r, t]) => [
        [error(layer), [o, p, q]],
        ["x", [layer.taps.channels[o][0] + k, r, t]],
      ]),
    grad_bias: biasGradient,
  };

  // Filters lie the other way round: (input channel, output channel within the group, row, column).
  const conv_transpose2d = {
    grad_net: through,
    sum(layer, [o, p, q]) {
      const window = met.output(layer, [p, q]);
      const terms = seen(layer, o).flatMap((c) => {
        const k = seers(layer, c).indexOf(o);
        return window.map(([i, j, r, t]) => [["weight", [c, k, i, j]], ["x", [c, r, t]]]);
      });
      return withBias(layer, terms, [o, p, q]);
    },
    grad_x(layer, [c, r, t]) {
      const window = met.input(layer, [r, t]);
      return seers(layer, c).flatMap((o, k) =>
        window.map(([i, j, p, q]) => [["weight", [c, k, i, j]], [error(layer), [o, p, q]]]),
      );
    },
    grad_weight: (layer, [c, k, i, j]) =>
      met.kernel(layer, [i, j]).map(([p, q, r, t]) => [
        [error(layer), [seers(layer, c)[k], p, q]],
        ["x", [c, r, t]],
      ]),
    grad_bias: biasGradient,
  };

  const linear = {
    grad_net: through,
    sum(layer, [o]) {
      const inputs = range(0, layer.arrays.weight.shape[1]);
      return withBias(layer, inputs.map((f) => [["weight", [o, f]], ["x", [f]]]), [o]);
    },
    grad_x: (layer, [f]) =>
      range(0, layer.arrays.weight.shape[0]).map((o) => [["weight", [o, f]], [error(layer), [o]]]),
    grad_weight: (layer, [o, f]) => [[[error(layer), [o]], ["x", [f]]]],
    grad_bias: (layer, index) => [[[error(layer), index]]],
  };

  /** The pixel [r, t] that won a window; undefined if the page does not hold it. */
  function winner(layer, [c, p, q]) {
    const place = layer.arrays.argmax.at([c, p, q]);
    if (place === undefined) return undefined;
    const width = layer.taps.columns.kernel.length;
    const along = (pairs, k) => pairs.find(([element]) => element === k)[1];
    return [
      along(layer.taps.rows.outputs[p], Math.floor(place / width)),
      along(layer.taps.columns.outputs[q], place % width),
    ];
  }

  const max_pool2d = {
    sum: (layer, [c, p, q]) => [[["x", [c, ...(winner(layer, [c, p, q]) ?? [-1, -1])]]]],
    grad_x: (layer, [c, r, t]) =>
      met
        .input(layer, [r, t])
        .filter(([, , p, q]) => `${winner(layer, [c, p, q])}` === `${[r, t]}`)
        .map(([, , p, q]) => [["grad_y", [c, p, q]]]),
  };

  // Averages and up-sampling: the share of an input is that of its row times that of its column.
  const shares = {
    sum: ({ taps }, [c, p, q]) =>
      taps.rows.outputs[p].flatMap(([, r], a) =>
        taps.columns.outputs[q].map(([, t], b) => [
          taps.rows.shares[p][a] * taps.columns.shares[q][b],
          ["x", [c, r, t]],
        ]),
      ),
    grad_x: ({ taps }, [c, r, t]) =>
      taps.rows.inputs[r].flatMap(([i, p]) =>
        taps.columns.inputs[t].map(([j, q]) => [
          share(taps.rows, p, i) * share(taps.columns, q, j),
          ["grad_y", [c, p, q]],
        ]),
      ),
  };
  const share = (axis, p, i) => axis.shares[p][axis.outputs[p].findIndex(([element]) => element === i)];

  // In training the mean and the variance move with x: two further paths back.
  const batch_norm2d = {
    sum({ arrays }, index) {
      if (!arrays.weight) return [[["hat", index]]];
      const own = index.slice(0, arrays.weight.shape.length); // one for a channel, or for a place
      return [[["weight", own], ["hat", index]], [["bias", own]]];
    },
    grad_x(layer, index) {
      const c = [index[0]];
      const direct = [["weight", c], ["scale", c], ["grad_y", index]];
      if (!layer.constants.count) return [direct];
      const share = -1 / layer.constants.count;
      return [
        direct,
        [share, ["weight", c], ["scale", c], ["grad_bias", c]],
        [share, ["weight", c], ["scale", c], ["hat", index], ["grad_weight", c]],
      ];
    },
    grad_weight: (layer, index) =>
      biasGradient(layer, index).map(([factor]) => [factor, ["hat", factor[1]]]),
    grad_bias: biasGradient,
    mean: (layer, index) =>
      biasGradient(layer, index).map(([[, place]]) => [1 / layer.constants.count, ["x", place]]),
  };
  // A group's statistics are those of one image, in training or not; w may differ within a group.
  const group_norm = {
    ...batch_norm2d,
    mean: undefined,
    grad_x({ arrays }, index) {
      const c = [index[0]];
      const weight = arrays.weight ? [["weight", index.slice(0, arrays.weight.shape.length)]] : [];
      return [
        [...weight, ["scale", c], ["grad_y", index]],
        [-1, ["scale", c], ["drift", c]],
        [-1, ["scale", c], ["hat", index], ["swell", c]],
      ];
    },
  };

  const dropout = {
    sum: (layer, index) =>
      layer.arrays.mask ? [[layer.constants.grown, ["mask", index], ["x", index]]] : [[["x", index]]],
    grad_x: (layer, index) =>
      layer.arrays.mask ? [[layer.constants.grown, ["mask", index], ["grad_y", index]]] : [[["grad_y", index]]],
  };

  const activation = { grad_x: through };

  // A power over the sum of its place's powers; back, every channel of the place has a say.
  const softmax = {
    sum: (layer, index) => [[["power", index], ["total", [0, ...index.slice(1)]]]],
    grad_x: ({ arrays }, index) => [
      [["y", index], ["grad_y", index]],
      ...range(0, arrays.y.shape[0]).map((k) => {
        const place = [k, ...index.slice(1)];
        return [-1, ["y", index], ["y", place], ["grad_y", place]];
      }),
    ],
  };

  const flatten = {
    sum: (layer, [f]) => [[["x", unravel(f, layer.arrays.x.shape)]]],
    grad_x: (layer, index) => [[["grad_y", [ravel(index, layer.arrays.x.shape)]]]],
  };
  const ravel = (index, shape) => index.reduce((flat, k, axis) => flat * shape[axis] + k, 0);
  const unravel = (flat, shape) =>
    shape.reduceRight(([rest, index], size) => [Math.floor(rest / size), [rest % size, ...index]], [flat, []])[1];

  // Where branches meet: parts[k] is the array of the k-th source.
  const residual = {
    sum: (layer, index) => layer.parts.map((name) => [[name, index]]),
  };
  const concat = {
    sum({ parts, slots }, [c, ...rest]) {
      const k = slots.findIndex(([, end]) => c < end);
      return [[[parts[k], [c - slots[k][0], ...rest]]]];
    },
  };

  const cross_entropy = {
    grad: ({ constants }, [k]) => [
      [constants.whole, ["probabilities", [k]]],
      [-constants.share, ["target", [k]]],
    ],
  };
  const squared_error = {
    grad: ({ constants }, index) => [
      [constants.share, ["logits", index]],
      [-constants.share, ["target", index]],
    ],
  };

  // Which of these a layer goes by, the page's data say: layer.meets.
  const rules = {
    conv2d, conv_transpose2d, linear, max_pool2d, shares, batch_norm2d, group_norm, dropout, activation, softmax,
    flatten, residual, concat, cross_entropy, squared_error,
  };

  /** The terms of one element of a result, or null where it is no sum of products. */
  function terms(layer, result, index) {
    if (result === "grad_y") return layer.readers.map((name) => [[name, index]]);
    if (result.endsWith(".update")) return updated(layer, result.split(".")[0], index);
    const mine = rules[layer.meets] ?? {};
    const rule = (result === out(layer) && mine.sum) || mine[result];
    return rule ? rule(layer, index) : null;
  }

  /** A first step of SGD is a sum: the velocity is the gradient. Adam's rule is told in steps. */
  function updated({ constants }, name, index) {
    const { type, step, lr, momentum, nesterov, weight_decay: decay } = constants.update;
    const weight = [name, index];
    if (constants.frozen[name]) return [[weight]];
    if (type !== "SGD" || (momentum && step > 1)) return null;
    const reach = lr * (nesterov ? 1 + momentum : 1);
    const terms = [[weight], [-reach, [`grad_${name}`, index]]];
    return decay && constants.decays[name] ? [...terms, [-reach * decay, weight]] : terms;
  }

  /** Sort an axis's meetings by input and by kernel element too. */
  function complete(axis) {
    const [inputs, elements] = axis.sizes;
    axis.inputs = range(0, inputs).map(() => []);
    axis.kernel = range(0, elements).map(() => []);
    axis.outputs.forEach((pairs, p) => {
      for (const [i, r] of pairs) {
        axis.inputs[r].push([i, p]);
        axis.kernel[i].push([p, r]);
      }
    });
  }

  return { complete, terms };
})();
