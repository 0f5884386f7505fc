"use strict";
// The passes of one small map and one kernel, for numbers that a reader edits. A map is a list of
// rows. `how` holds stride, padding and dilation as [rows, columns]. Each result is a sum over the
// meetings of a kernel element, an input pixel and an output; the sums differ in what they gather.

const Sandbox = (() => {
  const shape = (map) => [map.length, map[0].length];
  const zeros = ([rows, columns]) =>
    Array.from({ length: rows }, () => new Array(columns).fill(0));

  /** How many outputs a kernel of `k` elements has along an axis of `n` pixels. */
  const outputs = (n, k, stride, padding, dilation) =>
    Math.floor((n + 2 * padding - dilation * (k - 1) - 1) / stride) + 1;

  /** Rows and columns of the output; less than 1 where the kernel does not fit. */
  const outputShape = (input, kernel, how) =>
    [0, 1].map((a) =>
      outputs(input[a], kernel[a], how.stride[a], how.padding[a], how.dilation[a]),
    );

  /** All meetings {p, q, i, j, r, t}: output (p, q) sees pixel (r, t) under element (i, j). */
  function meetings(input, kernel, how) {
    const output = outputShape(input, kernel, how);
    const along = [0, 1].map((a) => {
      const found = [];
      for (let p = 0; p < output[a]; p++) {
        for (let i = 0; i < kernel[a]; i++) {
          const r = p * how.stride[a] + i * how.dilation[a] - how.padding[a];
          if (r >= 0 && r < input[a]) found.push([p, i, r]);
        }
      }
      return found;
    });
    return along[0].flatMap(([p, i, r]) => along[1].map(([q, j, t]) => ({ p, q, i, j, r, t })));
  }

  function convolve(x, weight, bias, how) {
    const y = zeros(outputShape(shape(x), shape(weight), how));
    for (const row of y) row.fill(bias);
    for (const { p, q, i, j, r, t } of meetings(shape(x), shape(weight), how))
      y[p][q] += weight[i][j] * x[r][t];
    return y;
  }

  function inputGradient(gradY, weight, input, how) {
    const gradX = zeros(input);
    for (const { p, q, i, j, r, t } of meetings(input, shape(weight), how))
      gradX[r][t] += weight[i][j] * gradY[p][q];
    return gradX;
  }

  function weightGradient(gradY, x, kernel, how) {
    const gradWeight = zeros(kernel);
    for (const { p, q, i, j, r, t } of meetings(shape(x), kernel, how))
      gradWeight[i][j] += gradY[p][q] * x[r][t];
    return gradWeight;
  }

  const biasGradient = (gradY) => gradY.flat().reduce((sum, value) => sum + value, 0);

  /** The largest of each window, and where it lies; of equals the first. */
  function maxPool(x, kernel, how) {
    const y = zeros(outputShape(shape(x), kernel, how)).map((row) => row.fill(-Infinity));
    const winners = y.map((row) => row.map(() => null));
    const inOrder = meetings(shape(x), kernel, how).sort((a, b) => a.i - b.i || a.j - b.j);
    for (const { p, q, r, t } of inOrder) {
      if (x[r][t] > y[p][q] || winners[p][q] === null) {
        y[p][q] = x[r][t];
        winners[p][q] = [r, t];
      }
    }
    return { y, winners };
  }

  function maxPoolGradient(gradY, winners, input) {
    const gradX = zeros(input);
    gradY.forEach((row, p) =>
      row.forEach((value, q) => {
        if (winners[p][q]) gradX[winners[p][q][0]][winners[p][q][1]] += value;
      }),
    );
    return gradX;
  }

  /** The mean of each window; padding counts as zeros. */
  function averagePool(x, kernel, how) {
    const y = zeros(outputShape(shape(x), kernel, how));
    for (const { p, q, r, t } of meetings(shape(x), kernel, how))
      y[p][q] += x[r][t] / (kernel[0] * kernel[1]);
    return y;
  }

  function averagePoolGradient(gradY, kernel, input, how) {
    const gradX = zeros(input);
    for (const { p, q, r, t } of meetings(input, kernel, how))
      gradX[r][t] += gradY[p][q] / (kernel[0] * kernel[1]);
    return gradX;
  }

  return {
    averagePool,
    averagePoolGradient,
    biasGradient,
    convolve,
    inputGradient,
    maxPool,
    maxPoolGradient,
    meetings,
    outputShape,
    shape,
    weightGradient,
    zeros,
  };
})();
