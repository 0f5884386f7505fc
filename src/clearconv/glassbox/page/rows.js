"use strict";
// The row of layers and the row of views: lists of buttons with one stop for the Tab key each.

const Rows = (() => {
  const { make } = Told;

  /** Arrow keys, Home and End go along the buttons of a list. */
  function roving(list) {
    if (list.dataset.roving) return;
    list.dataset.roving = "yes";
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const end = { Home: 0, End: -1 }[event.key];
      if (step === undefined && end === undefined) return;
      event.preventDefault();
      const all = [...list.querySelectorAll("button")];
      const here = all.indexOf(document.activeElement);
      const next = end === undefined ? Math.max(0, Math.min(all.length - 1, here + step)) : end;
      const place = all.indexOf(all.at(next));
      all[place].click();
      list.querySelectorAll("button")[place]?.focus(); // the list may be a new one
    });
  }

  /** Mark one button as chosen: the only one that Tab stops at. */
  function choose(list, chosen, attribute) {
    list.querySelectorAll("button").forEach((button, place) => {
      button.setAttribute(attribute, String(place === chosen));
      button.tabIndex = place === chosen ? 0 : -1;
    });
  }

  function plain(className, click, ...content) {
    const button = make("button", className, ...content);
    button.type = "button";
    button.addEventListener("click", click);
    return button;
  }

  /** One button a layer, with a picture of its first map. */
  function network(list, layers, open) {
    layers.forEach((layer, place) => {
      const button = plain(layer.views.length ? "layer" : "layer left-out", () => open(place));
      if (layer.face) {
        const canvas = make("canvas");
        const array = layer.arrays[layer.face];
        Planes.thumbnail(canvas, array, array.leads()[0]);
        button.append(canvas);
      }
      button.append(make("b", "", layer.path), make("span", "", layer.type), make("span", "soft", layer.size));
      list.append(make("li", "", button));
    });
    roving(list);
  }

  /** Mark a layer, and bring it into sight: sideways, or down where the row is folded. */
  function mark(list, place) {
    choose(list, place, "aria-pressed");
    const item = list.children[place];
    list.scrollLeft = item.offsetLeft - list.offsetLeft - (list.clientWidth - item.clientWidth) / 2;
    list.scrollTop = item.offsetTop - list.offsetTop - (list.clientHeight - item.clientHeight) / 2;
  }

  function views(list, layer, chosen, open) {
    list.replaceChildren(...layer.views.map((view, place) => plain("", () => open(place), view.title)));
    choose(list, layer.views.indexOf(chosen), "aria-pressed");
    roving(list);
  }

  return { choose, mark, network, plain, roving, views };
})();
