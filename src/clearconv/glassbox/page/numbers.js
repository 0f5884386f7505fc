"use strict";
// The arrays of the page: decoded once, looked up by their true indices, written as a reader reads.

const Numbers = (() => {
  const KINDS = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u1: Uint8Array };

  /** An array of which some places along an axis may be missing: `picks` has those that are here. */
  class Numbered {
    constructor({ shape, picks, kind, data, limit, scale, wrap }) {
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      this.values = new KINDS[kind](bytes.buffer);
      this.kind = kind;
      this.shape = shape;
      this.wrap = wrap; // a vector is shown in rows of this length
      this.limit = limit; // the largest magnitude of the whole array
      this.scale = scale; // the magnitude at which colours end
      this.picks = picks.map((pick, axis) => pick ?? [...Array(shape[axis]).keys()]);
      this.places = this.picks.map((pick) => new Map(pick.map((index, place) => [index, place])));
    }

    /** The number at an index, or undefined if the page does not hold it. */
    at(index) {
      let place = 0;
      for (let axis = 0; axis < this.shape.length; axis++) {
        const here = this.places[axis].get(index[axis]);
        if (here === undefined) return undefined;
        place = place * this.picks[axis].length + here;
      }
      return this.values[place];
    }

    /** How many axes come before those that lie on one map. */
    get before() {
      const axes = this.shape.length;
      return axes === 2 ? 1 : Math.max(0, axes - 2);
    }

    /** The first indices of every map that is here. */
    leads() {
      const grow = (all, pick) => all.flatMap((lead) => pick.map((k) => [...lead, k]));
      return this.picks.slice(0, this.before).reduce(grow, [[]]);
    }

    /** The map of an index, or the first one if that is not here. */
    nearest(index) {
      const lead = index.slice(0, this.before);
      const here = lead.length === this.before && lead.every((k, axis) => this.places[axis].has(k));
      return here ? lead : this.leads()[0];
    }

    /** An index to begin with: in the middle of a map, at the start of a vector; if 0, the largest. */
    telling(largest) {
      const lead = this.leads()[0], flat = this.picks.slice(lead.length);
      const half = flat.length > 1 ? 2 : Infinity;
      const middle = [...lead, ...flat.map((pick) => pick[Math.floor((pick.length - 1) / half)])];
      if (this.at(middle) && !largest) return middle;
      const all = flat.reduce((found, pick) => found.flatMap((index) => pick.map((k) => [...index, k])), [lead]);
      const size = (index) => Math.abs(this.at(index));
      return all.reduce((best, index) => (size(index) > size(best) ? index : best), middle);
    }

    /** A number with every digit that it holds and no more. */
    exact(value) {
      if (this.kind !== "f4" || !Number.isFinite(value)) return tidy(String(value));
      for (let digits = 1; digits < 10; digits++) {
        const text = value.toPrecision(digits);
        if (Math.fround(Number(text)) === value) return tidy(String(Number(text)));
      }
      return tidy(String(value));
    }
  }

  const tidy = (text) => text.replace("-", "\u2212").replace("e-", "e\u2212");

  /** About four digits. */
  function short(value) {
    if (!Number.isFinite(value)) return tidy(String(value));
    if (Number.isInteger(value) && Math.abs(value) < 1e5) return tidy(String(value + 0));
    const size = Math.abs(value);
    if (size < 1e-3 || size >= 1e5) return tidy(value.toExponential(2));
    return tidy(String(Number(value.toPrecision(4))));
  }

  /** At most four letters or so, for a cell. */
  function tiny(value) {
    if (Number.isInteger(value) && Math.abs(value) < 1000) return tidy(String(value + 0));
    const size = Math.abs(value);
    if (size < 0.0005) return value === 0 ? "0" : "\u22480";
    if (size < 0.01) return tidy(value.toFixed(3));
    if (size >= 1000) return tidy(value.toExponential(0));
    return tidy(size < 10 ? value.toFixed(2) : value.toFixed(size < 100 ? 1 : 0));
  }

  return { Numbered, short, tiny };
})();
