"use strict";
// A map of numbers as a picture: coloured cells, numbers where they fit, marks, and a cursor that
// the mouse and the arrow keys move. Dark blue is negative, grey is zero, light yellow positive:
// lightness alone tells the sign, so that a grey printer and a colour-blind reader see it too.

const Planes = (() => {
  const STOPS = [[8, 29, 88], [38, 100, 186], [148, 148, 150], [238, 176, 40], [255, 250, 196]];
  const ODD = [216, 27, 96]; // NaN and infinity
  const SIDE = 300, LARGEST = 44, LEGIBLE = 33; // pixels: of a map, of a cell, of one with a number
  const NARROW = 736, EDGES = 76; // on a phone two maps stand beside each other
  const room = () => (innerWidth > NARROW ? SIDE : Math.min(SIDE, (innerWidth - EDGES) / 2));
  const CROWD = 50; // marked cells without neighbours that one box stands for
  const ASIDE = 0.6; // of that for biases and the like, which stand beside the maps

  function colour(value, scale) {
    if (!Number.isFinite(value)) return ODD;
    const share = scale ? Math.max(-1, Math.min(1, value / scale)) : 0;
    const place = (share + 1) * 2, low = Math.min(3, Math.floor(place)), rest = place - low;
    return STOPS[low].map((from, k) => Math.round(from + (STOPS[low + 1][k] - from) * rest));
  }

  /** How the last axes of an array lie on a plane; `lead` are the axes before them. */
  function layout(array, lead) {
    const rest = array.shape.slice(lead.length);
    if (rest.length === 2) {
      const [rows, columns] = rest;
      return {
        rows,
        columns,
        index: (r, c) => [...lead, r, c],
        cell: (index) => index.slice(lead.length),
      };
    }
    const count = rest.length ? rest[0] : 1;
    const columns = array.wrap ?? Math.min(8, count);
    return {
      rows: Math.ceil(count / columns),
      columns,
      index: (r, c) => (r * columns + c < count ? [...lead, r * columns + c].slice(0, array.shape.length) : null),
      cell: (index) => {
        const flat = rest.length ? index[lead.length] : 0;
        return [Math.floor(flat / columns), flat % columns];
      },
    };
  }

  /** Paint one pixel a cell. */
  function thumbnail(canvas, array, lead) {
    const plane = layout(array, lead);
    canvas.width = plane.columns;
    canvas.height = plane.rows;
    const context = canvas.getContext("2d");
    const picture = context.createImageData(plane.columns, plane.rows);
    for (let r = 0, k = 0; r < plane.rows; r++) {
      for (let c = 0; c < plane.columns; c++, k += 4) {
        const index = plane.index(r, c);
        const value = index && array.at(index);
        if (value === undefined || value === null) continue; // stays transparent
        picture.data.set([...colour(value, array.scale), 255], k);
      }
    }
    context.putImageData(picture, 0, 0);
  }

  /** A large map. `pick(index)` is called when the reader chooses a cell. */
  class Plane {
    constructor(canvas, pick, turn, aside) {
      Object.assign(this, { canvas, aside });
      canvas.addEventListener("click", (event) => {
        const box = canvas.getBoundingClientRect();
        const r = Math.floor(((event.clientY - box.top) / box.height) * this.plane.rows);
        const c = Math.floor(((event.clientX - box.left) / box.width) * this.plane.columns);
        const index = this.plane.index(r, c);
        if (index) pick(index);
      });
      canvas.addEventListener("keydown", (event) => {
        const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -1e9], End: [0, 1e9], Enter: [0, 0], " ": [0, 0] }[event.key];
        const page = { PageUp: -1, PageDown: 1 }[event.key];
        if (event.ctrlKey || event.metaKey || event.altKey || !(step || page)) return;
        event.preventDefault();
        if (page) return turn(page);
        const bound = (k, count) => Math.max(0, Math.min(count - 1, k));
        const r = bound(this.cursor[0] + step[0], this.plane.rows);
        const c = bound(this.cursor[1] + step[1], this.plane.columns);
        const index = this.plane.index(r, c);
        if (index) pick(index);
      });
    }

    /** Draw the map at `lead`; outline the cells of `lit`, and `chosen` twice as strongly. */
    show(array, lead, lit, chosen) {
      const plane = layout(array, lead);
      this.plane = plane;
      const here = (index) => index.length >= lead.length && lead.every((k, axis) => index[axis] === k);
      const marked = new Set(lit.filter(here).map((index) => plane.cell(index).join()));
      this.cursor = chosen && here(chosen) ? plane.cell(chosen) : lit.find(here) ? plane.cell(lit.find(here)) : [0, 0];
      const fit = (room() * (this.aside ? ASIDE : 1)) / Math.max(plane.rows, plane.columns);
      const side = fit < 4 ? fit : Math.min(LARGEST, Math.floor(fit));
      const sharp = Math.ceil(window.devicePixelRatio || 1);
      const { canvas } = this;
      canvas.width = plane.columns * side * sharp;
      canvas.height = plane.rows * side * sharp;
      canvas.style.width = `${plane.columns * side}px`;
      const context = canvas.getContext("2d");
      context.scale(sharp, sharp);
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.font = `${side > 38 ? 12 : side > 35 ? 10.5 : 9.5}px system-ui, sans-serif`;
      context.imageSmoothingEnabled = false;
      context.drawImage(this.painted(array, lead), 0, 0, plane.columns * side, plane.rows * side);
      for (let r = 0; r < plane.rows && side >= LEGIBLE; r++) {
        for (let c = 0; c < plane.columns; c++) {
          const index = plane.index(r, c);
          const value = index && array.at(index);
          if (value === undefined || value === null) continue;
          const [red, green, blue] = colour(value, array.scale);
          context.fillStyle = 0.3 * red + 0.59 * green + 0.11 * blue > 118 ? "#101418" : "#ffffff";
          context.fillText(Numbers.tiny(value), (c + 0.5) * side, (r + 0.54) * side);
        }
      }
      outline(context, marked, side);
      if (chosen && here(chosen)) frame(context, plane.cell(chosen), side);
    }

    /** The map, one pixel a cell; painted anew only when it is another. */
    painted(array, lead) {
      if (this.of !== array || `${this.lead}` !== `${lead}`) {
        Object.assign(this, { of: array, lead, picture: document.createElement("canvas") });
        thumbnail(this.picture, array, lead);
      }
      return this.picture;
    }
  }

  /** Draw the edges between marked cells and the others; of many small ones the box around all. */
  function outline(context, marked, side) {
    const path = new Path2D();
    const cells = [...marked].map((key) => key.split(",").map(Number));
    const lonely = cells.filter(([r, c]) => !marked.has(`${r},${c + 1}`)).length;
    if (side < LEGIBLE / 2 && lonely > cells.length / 2 && cells.length > CROWD) {
      const rows = cells.map(([r]) => r), columns = cells.map(([, c]) => c);
      const [top, left] = [Math.min(...rows), Math.min(...columns)];
      path.rect(left * side, top * side, (Math.max(...columns) + 1 - left) * side, (Math.max(...rows) + 1 - top) * side);
      return stroke(context, path, 2);
    }
    for (const [r, c] of cells) {
      const edges = [[r - 1, c, 0, 0, 1, 0], [r + 1, c, 0, 1, 1, 1], [r, c - 1, 0, 0, 0, 1], [r, c + 1, 1, 0, 1, 1]];
      for (const [nr, nc, x1, y1, x2, y2] of edges) {
        if (marked.has(`${nr},${nc}`)) continue;
        path.moveTo((c + x1) * side, (r + y1) * side);
        path.lineTo((c + x2) * side, (r + y2) * side);
      }
    }
    stroke(context, path, side > 8 ? 3 : 2);
  }

  function frame(context, [r, c], side) {
    const path = new Path2D();
    const inside = side > 8 ? 2 : 0; // a small cell is framed from outside
    path.rect(c * side + inside, r * side + inside, side - 2 * inside, side - 2 * inside);
    stroke(context, path, side > 8 ? 4 : 2);
  }

  function stroke(context, path, width) {
    context.lineCap = "square";
    for (const [style, extra] of [["#ffffff", 2.5], ["#d81b60", 0]]) {
      context.strokeStyle = style;
      context.lineWidth = width + extra;
      context.stroke(path);
    }
  }

  return { colour, layout, Plane, thumbnail };
})();
