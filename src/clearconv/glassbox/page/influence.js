"use strict";
// The other direction: everything to which one number contributed. Backward is the same meetings
// seen from the other side, so the terms of its gradient say what it met.

const Influence = (() => {
  const SIDES = {
    x: ["x", "grad_x"],
    y: ["y", "net", "grad_y", "grad_net"],
  };
  const parameter = (name) => name.replace("grad_", "").split(".")[0];
  const side = (name) =>
    Object.values(SIDES).find((names) => names.includes(name)) ??
    [parameter(name), `grad_${parameter(name)}`, `${parameter(name)}.update`];

  /** The result whose terms name all that an element of this array met. */
  function reverse(layer, name) {
    if (SIDES.x.includes(name) || name === "total") return "grad_x"; // a softmax's sum, of all its x
    if (SIDES.y.includes(name)) return layer.arrays.net ? "net" : "y";
    return `grad_${parameter(name)}`;
  }

  /** Array -> the indices to outline, for the arrays that are shown. */
  function of(layer, name, index, shown) {
    const met = Meet.terms(layer, reverse(layer, name), index) ?? [];
    const factors = met.flat().filter((factor) => typeof factor !== "number");
    const lit = {};
    for (const one of shown) {
      const alike = side(one);
      const places = factors.filter(([other]) => alike.includes(other)).map(([, place]) => place);
      const found = [...new Map(places.map((place) => [`${place}`, place])).values()]; // each once
      // the same place of an array that goes along element by element
      const own = alike.includes(name) && one !== name ? [index] : [];
      lit[one] = found.length ? found : own;
    }
    if (met.length) return lit;
    for (const one of shown) if (layer.arrays[one].shape.length === index.length) lit[one] = [index];
    return lit;
  }

  return { of };
})();
