"use strict";
// The glass box: which layer, which view and which element are open, and where its number came from.

const Glass = (() => {
  const { make } = Told;
  const CLASSWISE = ["y", "net", "grad_y", "grad_net", "logits", "probabilities", "target", "grad"];
  let page, at, figures, player;
  const $ = (selector) => document.querySelector(selector);

  function start() {
    page = JSON.parse($("#pass").textContent);
    const decoded = new Map();
    for (const layer of page.layers) ready(layer, decoded);
    figures = new Figures.Figures($("#planes"), page.names, {
      cell: (name, index) => (name === at.view.result ? choose(index) : probe(name, index)),
      map: turn,
    });
    player = Play.over($("#walk"), walk);
    Rows.network($("#network"), page.layers, (place) => open(place, 0, null));
    window.addEventListener("hashchange", follow);
    window.addEventListener("resize", () => at.view && choose(at.cell)); // maps fit the width
    if (!follow()) open(page.start, 0, null);
  }

  /** Let a layer's arrays be decoded when they are first looked at, and complete its tables. */
  function ready(layer, decoded) {
    const arrays = {};
    for (const [name, id] of Object.entries(layer.arrays))
      Object.defineProperty(arrays, name, {
        enumerable: true,
        get() {
          if (!decoded.has(id)) decoded.set(id, new Numbers.Numbered(page.arrays[id]));
          return decoded.get(id);
        },
      });
    if ("scale" in layer.arrays) arrays.hat = Steps.hat(arrays);
    layer.arrays = arrays;
    for (const axis of layer.taps ? [layer.taps.rows, layer.taps.columns] : []) Meet.complete(axis);
  }

  /** Show a view of a layer, and an element of its result: the one given, or one in the middle. */
  function open(place, viewPlace, cell) {
    const layer = page.layers[place], view = layer.views[viewPlace];
    if (at?.layer !== layer) player.stop();
    clearTimeout(at?.remembering);
    at = { layer, place, view, cell, leads: at?.layer === layer ? at.leads : {}, anchor: null };
    Rows.mark($("#network"), place);
    Rows.views($("#views"), layer, view, (next) => open(place, next, kindred(layer.views[next])));
    $("#layer-name").textContent = layer.path;
    $("#layer-about").textContent = layer.about;
    $("#layer-note").textContent = layer.note;
    $("#layer").classList.toggle("empty", !view);
    if (!view) return;
    const array = layer.arrays[view.result];
    figures.open(layer.arrays, view.shows, view.result);
    choose(cell && array.at(cell) !== undefined ? cell : array.telling(layer.classes.length > 0));
  }

  /** Keep the place where the next view's result has the shape of this one's. */
  function kindred({ result }) {
    const { arrays } = at.layer;
    return `${arrays[result].shape}` === `${arrays[at.view.result].shape}` ? at.cell : null;
  }

  // -- the address names what is open, so that a place can be sent to somebody

  function follow() {
    const said = new URLSearchParams(location.hash.slice(1));
    const place = page.layers.findIndex(({ path }) => path === said.get("layer"));
    if (place < 0) return false;
    const view = page.layers[place].views.findIndex(({ result }) => result === said.get("of"));
    open(place, Math.max(0, view), said.get("at")?.split(",").map(Number) ?? null);
    return true;
  }

  /** A little later: a browser takes no new address many times a second. */
  function remember() {
    clearTimeout(at.remembering);
    const said = { layer: at.layer.path, of: at.view.result, at: at.cell.join() };
    at.remembering = setTimeout(() => history.replaceState(null, "", `#${new URLSearchParams(said)}`), 300);
  }

  // -- one element

  /** The products of the open element; null where it is no sum of products. */
  function products() {
    const terms = Meet.terms(at.layer, at.view.result, at.cell);
    return terms && Told.evaluated(at.layer, terms);
  }

  function choose(cell) {
    at.cell = cell;
    const terms = products();
    look(terms ?? []);
    paint(terms ?? [], {});
    explain(terms);
    remember();
  }

  /** Another map: of the result, the same place there; else the products that have to do with it. */
  function turn(name, lead) {
    if (name === at.view.result) return choose([...lead, ...at.cell.slice(lead.length)]);
    at.anchor = [name, lead];
    choose(at.cell);
    if (`${at.leads[name]}` !== `${lead}`) {
      at.leads[name] = lead; // nothing of this map took part: look at it all the same
      paint(products() ?? [], {});
    }
  }

  /** Turn every array to the maps of one product: one of the map looked at, else the largest. */
  function look(terms) {
    const { layer, view, cell, anchor } = at;
    const of = (name) => (term) => term.factors.some((factor) => factor.name === name);
    const known = terms.filter(({ value }) => value !== undefined);
    const main = known.filter(of(view.shows[0]));
    const wanted = anchor && known.filter(({ factors }) => factors.some(({ name, index }) => name === anchor[0] && `${index.slice(0, anchor[1].length)}` === `${anchor[1]}`));
    const pool = wanted?.length ? wanted : main.length ? main : known;
    const chief = pool.reduce((best, one) => (best && Math.abs(best.value) >= Math.abs(one.value) ? best : one), null);
    for (const name of [...view.shows, view.result]) {
      const array = layer.arrays[name];
      const factor = chief?.factors.find((one) => one.name === name);
      const alike = array.shape.length === cell.length ? cell : null;
      const index = name === view.result ? cell : (factor?.index ?? alike);
      at.leads[name] = array.nearest(index ?? at.leads[name] ?? []);
    }
  }

  /** Draw all maps. `framed`: array -> one index, instead of the result's; `lit`: array -> indices. */
  function paint(terms, { framed, lit }) {
    for (const name of [...at.view.shows, at.view.result]) {
      const met = terms.flatMap(({ factors }) => factors.filter((one) => one.name === name).map(({ index }) => index));
      const own = name === at.view.result && !lit ? at.cell : null;
      figures.draw(name, at.leads[name], lit?.[name] ?? met, framed?.[name] ?? own);
    }
  }

  /** Frame one product's factors while the pointer rests on it. */
  function point(term) {
    const named = term?.factors.filter(({ name }) => name).map(({ name, index }) => [name, index]);
    paint(products() ?? [], { framed: Object.fromEntries(named ?? []) });
  }

  function heading(name, index) {
    const array = at.layer.arrays[name], value = array.at(index), { classes } = at.layer;
    const kind = CLASSWISE.includes(name) && index.length === 1 && classes[index[0]];
    const place = make("code", "", `${page.names[name][0]}[${index.join(", ")}]`);
    const head = make("h3", "", place);
    if (kind) head.append(" of class ", make("bdi", "class", kind)); // a name may be a number, or run leftwards
    head.append(" = ", make("b", "value", Numbers.short(value)));
    head.dataset.exact = array.exact(value);
    head.title = head.dataset.exact;
    return head;
  }

  function explain(terms) {
    const { layer, view, cell, leads } = at;
    const array = layer.arrays[view.result];
    const parts = [heading(view.result, cell)];
    for (const line of Steps.lines(layer, view.result, cell)) parts.push(make("p", "steps", line));
    if (terms) {
      const window = ["y", "net"].includes(view.result) ? layer.constants.window : 0;
      const beside = { others: view.others, shares: shares(view.result, cell), window: window ?? 0 };
      parts.push(Told.sum(terms, array.at(cell), array, point, beside));
      const through = Batch.through(layer, view.result, cell, page.images);
      if (through) parts.push(Told.images("Of these, each image of the batch through mean and variance", through));
      const symbol = (name) => page.names[name][0];
      parts.push(...[Told.windows(terms, symbol, leads)].filter(Boolean));
    }
    $("#told").replaceChildren(...parts, ...ways(view.result, cell));
    $("#how").replaceChildren(...how(view));
  }

  /** What each further image adds to a sum over the batch; null where the page does not hold it. */
  function shares(result, index) {
    const all = at.view.others ? Batch.shares(at.layer, result, index) : null;
    return all && all.map((value, k) => ({ name: page.images[k + 1], value }));
  }

  /** What an ingredient is, and the results that it took part in. */
  function probe(name, index) {
    const { layer, view } = at;
    const array = layer.arrays[name];
    if (array.at(index) === undefined) return;
    at.leads[name] = array.nearest(index);
    const lit = Influence.of(layer, name, index, [...view.shows, view.result]);
    paint([], { lit, framed: { [name]: index } });
    const count = lit[view.result].length;
    const part = count ? ` It took part in ${count.toLocaleString("en")} of ${page.names[view.result][0]}, outlined.` : "";
    const about = make("p", "", `${page.names[name][1]}.${part}`);
    $("#told").replaceChildren(heading(name, index), about, ...ways(name, index));
  }

  /** Buttons that lead to how a number came about, here or in the layer beside. */
  function ways(name, index) {
    const own = [[name, "How it was computed"], [`grad_${name}`, "Its gradient"], [`${name}.update`, "After the step"]];
    const found = at.layer.ways
      .filter(([array]) => array === name)
      .map(([, place, result]) => [place, result, `How ${page.layers[place].path} computed it`]);
    for (const [result, text] of own) if (result !== at.view.result) found.push([at.place, result, text]);
    const line = make("p", "ways");
    for (const [place, result, text] of found) {
      const { views } = page.layers[place];
      const view = views.findIndex((one) => one.result === result);
      if (view < 0) continue;
      const go = () => {
        open(place, view, index);
        $(".result canvas").focus({ preventScroll: true });
      };
      line.append(Rows.plain("way", go, text));
    }
    return line.children.length ? [line] : [];
  }

  /** Formula, where it stands, and the function with its source. */
  function how({ formula, remark, source }) {
    const written = [formula, remark].map((id) => document.getElementById(id)).filter(Boolean);
    const parts = written.map((template) => template.content.cloneNode(true));
    const { name, file, line, text } = page.sources[source];
    const fold = make("details", "source");
    const place = make("span", "soft", ` ${file}, line ${line}`);
    fold.append(make("summary", "", make("code", "", name), place), make("pre", "", make("code", "", text)));
    return [...parts, fold];
  }

  /** The next place of the result's map, row by row; after the last the first. Is there more? */
  function walk(step) {
    const plane = Planes.layout(at.layer.arrays[at.view.result], at.leads[at.view.result]);
    const [r, c] = plane.cell(at.cell), count = plane.rows * plane.columns;
    for (let flat = r * plane.columns + c + step; ; flat += step) {
      const place = ((flat % count) + count) % count;
      const index = plane.index(Math.floor(place / plane.columns), place % plane.columns);
      if (!index) continue;
      choose(index);
      return place < count - 1;
    }
  }

  return { choose, open, products, start, state: () => at };
})();

Glass.start();
