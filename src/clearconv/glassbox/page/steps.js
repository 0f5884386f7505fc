"use strict";
// What is not a sum of products, written in a line or two with its numbers filled in.

const Steps = (() => {
  const { short } = Numbers;
  const bracketed = (value) => (value < 0 ? `(${short(value)})` : short(value));

  /** x̂ looked up: a difference times a factor of numbers that are on the page. */
  const hat = (arrays) => ({
    shape: arrays.x.shape,
    at(index) {
      const [x, mean, scale] = parts(arrays, index);
      return x === undefined ? undefined : (x - mean) * scale;
    },
  });
  const parts = (arrays, index) => [
    arrays.x.at(index),
    arrays.mean.at([index[0]]),
    arrays.scale.at([index[0]]),
  ];

  function normalised({ arrays }, index) {
    const [x, mean, scale] = parts(arrays, index);
    if (x === undefined) return [];
    return [
      `x̂ = (x − μ) × 1/√(σ² + ε) = (${short(x)} − ${bracketed(mean)}) × ${short(scale)} = ` +
        short((x - mean) * scale),
    ];
  }

  function activated({ arrays, activation }, index) {
    const into = (arrays.net ?? arrays.x).at(index);
    return into === undefined ? [] : [`= ${activation}(${short(into)})`];
  }

  /** A power and the sum of those beside it. */
  function powers({ arrays }, index) {
    const beside = (k) => [k, ...index.slice(1)];
    const row = Array.from({ length: arrays.y.shape[0] }, (_, k) => arrays.power.at(beside(k)));
    const [x, m] = [arrays.x.at(index), arrays.most.at(beside(0))];
    const lines = x === undefined ? [] : [`e^(x − m) = e^(${short(x)} − ${bracketed(m)}) = ${short(row[index[0]])}`];
    if (row.length > 16 || row.includes(undefined)) return lines;
    return [...lines, `Σ = ${row.map(short).join(" + ")} = ${short(row.reduce((sum, one) => sum + one, 0))}`];
  }

  /** The numbers that a window compared; the winner is the largest. */
  function compared({ arrays, taps }, [c, p, q]) {
    const rows = taps.rows.outputs[p], columns = taps.columns.outputs[q];
    const seen = rows.flatMap(([, r]) => columns.map(([, t]) => arrays.x.at([c, r, t])));
    if (seen.length > 49 || seen.includes(undefined)) return [];
    return [`= max(${seen.map(short).join(", ")})`];
  }

  /** Adam's first step: the running means, corrected, are the gradient and its square. */
  function adam({ arrays, constants }, name, index) {
    const { lr, eps, step, weight_decay: decay, decoupled } = constants.update;
    const w = arrays[name].at(index), own = arrays[`grad_${name}`].at(index);
    if (step > 1 || constants.frozen[name]) return [];
    const decays = constants.decays[name] ? decay : 0;
    const g = decoupled ? own : own + decays * w;
    const pull = decoupled && decays ? ` \u2212 ${short(lr)} × ${short(decays)} × ${short(w)}` : "";
    const added = !decoupled && decays ? `g = ${short(own)} + ${short(decays)} × ${short(w)} = ${short(g)}; ` : "";
    return [
      `${added}first step: m̂ = g = ${short(g)}, √v̂ = |g| = ${short(Math.abs(g))}`,
      `= ${short(w)} \u2212 ${short(lr)} × ${short(g)} / (${short(Math.abs(g))} + ${short(eps)})${pull}`,
    ];
  }

  /** Lines of text about one element; none where its products say it all. */
  function lines(layer, result, index) {
    const told = layer.told?.[result]?.[index.join()];
    if (told) return told;
    if (/_norm/.test(layer.meets) && ["y", "grad_weight", "grad_x"].includes(result) && index.length > 1)
      return result === "grad_x" && !layer.constants.count && !layer.arrays.drift ? [] : normalised(layer, index);
    if (result.endsWith(".update") && layer.constants.update.type.startsWith("Adam"))
      return adam(layer, result.split(".")[0], index);
    if (layer.meets === "max_pool2d" && result === "y") return compared(layer, index);
    if (layer.meets === "softmax" && result === "y") return powers(layer, index);
    if (result === "y" && layer.activation !== "identity") return activated(layer, index);
    return [];
  }

  return { hat, lines };
})();
