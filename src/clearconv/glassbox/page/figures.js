"use strict";
// The arrays of a view side by side: one map of each in full, all of them small below.

const Figures = (() => {
  const { make } = Told;

  class Figures {
    /** `told` is called with (name, index) for a chosen cell, and with (name, lead) for a map. */
    constructor(box, names, { cell, map }) {
      Object.assign(this, { box, names, cell, map, shown: new Map() });
    }

    /** Lay out the arrays of a view, its result last. */
    open(arrays, shows, result) {
      this.shown.clear();
      this.box.replaceChildren();
      const asides = make("div", "asides"); // biases and the like, small
      [...shows, result].forEach((name) => {
        const [symbol, about] = this.names[name];
        const aside = arrays[name].shape.length === 1 && arrays[result].shape.length > 1;
        const figure = make("figure", name === result ? "plane result" : "plane");
        const canvas = make("canvas", "map");
        canvas.tabIndex = 0;
        canvas.setAttribute("role", "application");
        const maps = make("div", "maps"), legend = make("p", "legend");
        figure.append(make("figcaption", "", make("b", "", symbol), ` ${about}`), canvas, legend, maps);
        if (aside && !asides.parentNode) this.box.append(asides);
        (aside ? asides : this.box).append(figure);
        const array = arrays[name];
        const pick = (index) => this.cell(name, index), turn = (step) => this.turn(name, step);
        const plane = new Planes.Plane(canvas, pick, turn, aside);
        this.shown.set(name, { array, plane, canvas, maps, legend, lead: [], about: `${symbol}, ${about}` });
      });
    }

    /** Go to the map after or before. */
    turn(name, step) {
      const { array, lead } = this.shown.get(name);
      const all = array.leads();
      const next = all[all.findIndex((one) => `${one}` === `${lead}`) + step];
      if (next) this.map(name, next);
    }

    /** Draw the map `lead` of an array: `lit` cells outlined, the `chosen` one framed. */
    draw(name, lead, lit, chosen) {
      const part = this.shown.get(name), { array, canvas, legend } = part;
      part.lead = lead;
      part.plane.show(array, lead, lit, chosen);
      canvas.parentNode.style.setProperty("--map", canvas.style.width);
      const which = lead.length ? `map ${lead.join(", ")}` : "";
      const of = array.shape.slice(0, lead.length).join(" x ");
      const end = Numbers.short(array.scale);
      const beyond = array.limit > array.scale ? `; the largest is ${Numbers.short(array.limit)}` : "";
      const range = array.kind === "u1" ? `0 to ${end}` : `\u2212${end} to ${end}, 0 is grey${beyond}`;
      const gaps = array.picks.some((pick, axis) => axis >= lead.length && pick.length < array.shape[axis]);
      legend.replaceChildren(make("span", "scale", make("i"), range), make("span", "", which && `${which} of ${of}`));
      if (gaps) legend.append("hatched: not on this page");
      const place = chosen ?? lit[0];
      const value = place && array.at(place);
      const said = value === undefined || value === null ? "" : `; at ${place.join(", ")}: ${Numbers.short(value)}`;
      canvas.setAttribute("aria-label", `${part.about}; ${which}; arrow keys move${said}`);
      this.thumbnails(name);
    }

    /** Small pictures of all maps; of filters, of those with the same first index. */
    thumbnails(name) {
      const { array, maps, lead } = this.shown.get(name);
      const all = array.leads().filter((one) => one.length < 2 || one[0] === lead[0]);
      if (all.length < 2 || array.shape.length === 2) return;
      if (maps.dataset.of !== `${lead.slice(0, -1)}` + all.length) {
        maps.dataset.of = `${lead.slice(0, -1)}` + all.length;
        maps.replaceChildren(
          ...all.map((one) => {
            const button = Rows.plain("thumb", () => this.map(name, one), make("canvas"));
            button.title = `map ${one.join(", ")}`;
            button.setAttribute("aria-label", `${this.names[name][0]}, ${button.title}`);
            Planes.thumbnail(button.firstChild, array, one);
            return button;
          }),
        );
        Rows.roving(maps);
      }
      Rows.choose(maps, all.findIndex((one) => `${one}` === `${lead}`), "aria-pressed");
    }
  }

  return { Figures };
})();
