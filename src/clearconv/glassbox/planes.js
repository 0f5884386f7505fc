"use strict";
// A map of numbers as a picture: coloured cells, numbers where they fit, marks, and a cursor that
// the mouse and the arrow keys move. Dark blue is negative, grey is zero, light yellow positive:
// lightness alone tells the sign, so that a grey printer and a colour-blind reader see it too.

const Planes = (() => {
  const STOPS = [[8, 29, 88], [38, 100, 186], [148, 148, 150], [238, 176, 40], [255, 250, 196]];
  const ODD = [216, 27, 96]; // NaN and infinity
  const SIDE = 300, LARGEST = 44, LEGIBLE = 33; // pixels: of a map, of a cell, of one with a number

  function colour(value, limit) {
    if (!Number.isFinite(value)) return ODD;
    const share = limit ? Math.max(-1, Math.min(1, value / limit)) : 0;
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
        picture.data.set([...colour(value, array.limit), 255], k);
      }
    }
    context.putImageData(picture, 0, 0);
  }

  /** A large map. `pick(index)` is called when the reader chooses a cell. */
  class Plane {
    constructor(canvas, pick, turn) {
      this.canvas = canvas;
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
      const size = Math.max(1, Math.min(LARGEST, Math.floor(SIDE / Math.max(plane.rows, plane.columns))));
      const sharp = Math.ceil(window.devicePixelRatio || 1);
      const side = size >= 4 ? size : Math.max(size, Math.round(SIDE / Math.max(plane.rows, plane.columns)));
      const { canvas } = this;
      canvas.width = plane.columns * side * sharp;
      canvas.height = plane.rows * side * sharp;
      canvas.style.width = `${plane.columns * side}px`;
      const context = canvas.getContext("2d");
      context.scale(sharp, sharp);
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.font = `${side > 38 ? 12 : 10.5}px system-ui, sans-serif`;
      for (let r = 0; r < plane.rows; r++) {
        for (let c = 0; c < plane.columns; c++) {
          const index = plane.index(r, c);
          const value = index && array.at(index);
          if (value === undefined || value === null) continue;
          const [red, green, blue] = colour(value, array.limit);
          context.fillStyle = `rgb(${red}, ${green}, ${blue})`;
          context.fillRect(c * side, r * side, side, side);
          if (side < LEGIBLE) continue;
          context.fillStyle = 0.3 * red + 0.59 * green + 0.11 * blue > 118 ? "#101418" : "#ffffff";
          context.fillText(Numbers.tiny(value), (c + 0.5) * side, (r + 0.54) * side);
        }
      }
      outline(context, marked, side, size);
      if (chosen && here(chosen)) frame(context, plane.cell(chosen), Math.max(side, 3));
    }
  }

  /** Draw the edges between marked cells and the others. */
  function outline(context, marked, side, size) {
    const path = new Path2D();
    for (const key of marked) {
      const [r, c] = key.split(",").map(Number);
      const edges = [[r - 1, c, 0, 0, 1, 0], [r + 1, c, 0, 1, 1, 1], [r, c - 1, 0, 0, 0, 1], [r, c + 1, 1, 0, 1, 1]];
      for (const [nr, nc, x1, y1, x2, y2] of edges) {
        if (marked.has(`${nr},${nc}`)) continue;
        path.moveTo((c + x1) * side, (r + y1) * side);
        path.lineTo((c + x2) * side, (r + y2) * side);
      }
    }
    stroke(context, path, size > 8 ? 3 : 2);
  }

  function frame(context, [r, c], side) {
    const path = new Path2D();
    path.rect(c * side + 2, r * side + 2, Math.max(1, side - 4), Math.max(1, side - 4));
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
