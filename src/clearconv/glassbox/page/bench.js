"use strict";
// The sandbox as a reader sees it: a form, grids of numbers that can be edited, grids of results.
// Choosing a result highlights its factors and writes out the sum.

const Bench = (() => {
  const START = {
    input: [[1, 0, 2, 1, 0], [3, 1, 0, 2, 1], [0, 2, 1, 1, 3], [1, 1, 0, 2, 0], [2, 0, 1, 0, 1]],
    kernel: [[1, -1, 0], [2, 0, 1], [0, 1, -1]],
    error: [[1, 2, 0, -1, 1], [-1, 0, 2, 1, 0], [0, 1, 1, -2, 1], [2, 0, -1, 0, 1], [1, 1, 0, 2, 0]],
  };
  const TITLES = {
    input: "input x",
    kernel: "kernel w",
    error: "error terms dy",
    y: "output y",
    gradX: "input gradient dx",
    gradW: "kernel gradient dw",
  };
  let root, state, results, chosen;

  /** Fit a map to a size, keeping its numbers; new places take the start's numbers over again. */
  const fitted = (map, name, [rows, columns]) =>
    Array.from({ length: rows }, (_, r) =>
      Array.from({ length: columns }, (_, c) =>
        map[r]?.[c] ?? START[name][r % START[name].length][c % START[name][0].length],
      ),
    );

  function start(element) {
    root = element;
    state = { ...structuredClone(START), bias: 0 };
    chosen = null;
    root.querySelector("form").addEventListener("input", compute);
    root.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    root.querySelector(".draw").addEventListener("click", drawNumbers);
    for (const name of ["input", "kernel", "error"])
      root.querySelector(`[data-grid=${name}]`).addEventListener("change", (event) => edit(name, event));
    for (const name of ["y", "gradX", "gradW"])
      root.querySelector(`[data-grid=${name}]`).addEventListener("click", (event) => choose(name, event));
    root.addEventListener("keydown", walk);
    compute();
  }

  const field = (name) => root.querySelector(`[name="${name}"]`);
  const whole = (name) => {
    const { value, min, max } = field(name);
    return Math.min(Number(max), Math.max(Number(min), Math.round(Number(value)) || Number(min)));
  };
  const pair = (name) => [whole(`${name} rows`), whole(`${name} columns`)];

  function edit(name, event) {
    const { r, c } = event.target.dataset;
    const number = Number(event.target.value.replace(",", ".").replace("\u2212", "-"));
    if (Number.isFinite(number)) state[name][r][c] = number;
    compute();
  }

  function drawNumbers() {
    for (const name of ["input", "kernel", "error"])
      state[name] = state[name].map((row) => row.map(() => Math.floor(Math.random() * 7) - 2));
    compute();
  }

  function compute() {
    const kind = field("operation").value;
    const how = { stride: pair("stride"), padding: pair("padding"), dilation: pair("dilation") };
    const input = pair("input"), kernel = pair("kernel");
    state.input = fitted(state.input, "input", input);
    state.kernel = fitted(state.kernel, "kernel", kernel);
    const output = Sandbox.outputShape(input, kernel, how);
    root.dataset.kind = kind;
    const told = root.querySelector(".told");
    const pool = kind === "max" ? Sandbox.maxPool(state.input, kernel, how) : null;
    const empty = pool !== null && pool.winners.flat().includes(null);
    if (Math.min(...output) < 1 || empty) {
      told.textContent = empty
        ? "A window lies entirely on padding, so it has no maximum."
        : "The kernel does not fit: it spans more than the padded input.";
      results = null;
      root.querySelector(".results").hidden = true;
      for (const name of ["input", "kernel"]) show(name, state[name], true);
      return;
    }
    state.error = fitted(state.error, "error", output);
    const bias = kind === "conv" ? Number(field("bias").value) || 0 : 0;
    results = { kind, how, kernel, bias };
    if (kind === "conv") {
      results.y = Sandbox.convolve(state.input, state.kernel, bias, how);
      results.gradX = Sandbox.inputGradient(state.error, state.kernel, input, how);
      results.gradW = Sandbox.weightGradient(state.error, state.input, kernel, how);
      results.gradB = Sandbox.biasGradient(state.error);
    } else if (kind === "max") {
      results.y = pool.y;
      results.winners = pool.winners;
      results.gradX = Sandbox.maxPoolGradient(state.error, pool.winners, input);
    } else {
      results.y = Sandbox.averagePool(state.input, kernel, how);
      results.gradX = Sandbox.averagePoolGradient(state.error, kernel, input, how);
    }
    root.querySelector(".results").hidden = false;
    told.textContent =
      `Output ${output[0]} x ${output[1]}: (${input[0]} + 2·${how.padding[0]} − ` +
      `${how.dilation[0]}·(${kernel[0]} − 1) − 1) / ${how.stride[0]} + 1 = ${output[0]} rows, rounded down.`;
    for (const name of ["input", "kernel", "error"]) show(name, state[name], true);
    for (const name of ["y", "gradX", "gradW"]) show(name, results[name] ?? [], false);
    root.querySelector(".bias").textContent =
      kind === "conv" ? `bias gradient db = sum of dy = ${Numbers.short(results.gradB)}` : "";
    light();
  }

  function show(name, map, editable) {
    const table = root.querySelector(`[data-grid=${name}]`);
    table.replaceChildren();
    const caption = table.createCaption();
    caption.textContent = TITLES[name];
    map.forEach((values, r) => {
      const row = table.insertRow();
      values.forEach((value, c) => {
        const made = document.createElement(editable ? "input" : "button");
        const text = editable ? String(value) : Numbers.short(value);
        Object.assign(made.dataset, { r, c });
        made.setAttribute("aria-label", `${TITLES[name]}, row ${r}, column ${c}${editable ? "" : `: ${text}`}`);
        if (editable) Object.assign(made, { value: text, inputMode: "decimal" });
        else Object.assign(made, { type: "button", textContent: text });
        row.insertCell().append(made);
      });
    });
  }

  const cell = (name, r, c) => root.querySelector(`[data-grid=${name}] [data-r="${r}"][data-c="${c}"]`);

  function choose(name, event) {
    if (!event.target.dataset.r) return;
    chosen = [name, Number(event.target.dataset.r), Number(event.target.dataset.c)];
    light();
  }

  /** Arrow keys go from cell to cell of a grid; within a number being edited, up and down only. */
  function walk(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const { r, c } = event.target.dataset;
    if (!step || r === undefined || (event.target.tagName === "INPUT" && step[1])) return;
    const name = event.target.closest("[data-grid]").dataset.grid;
    const next = cell(name, Number(r) + step[0], Number(c) + step[1]);
    if (!next) return;
    event.preventDefault();
    next.focus();
    if (next.tagName === "BUTTON") next.click();
  }

  /** The meetings that made the chosen number: [[grid, row, column], ...] and factors for each. */
  function madeOf([name, a, b]) {
    const all = Sandbox.meetings(Sandbox.shape(state.input), results.kernel, results.how);
    const wanted = { y: ["p", "q"], gradX: ["r", "t"], gradW: ["i", "j"] }[name];
    let met = all.filter((m) => m[wanted[0]] === a && m[wanted[1]] === b);
    if (results.kind === "max")
      met = met.filter(({ p, q, r, t }) => `${results.winners[p][q]}` === `${[r, t]}`);
    return met.map(({ p, q, i, j, r, t }) => {
      const input = ["input", r, t], kernel = ["kernel", i, j], error = ["error", p, q];
      const weighed = { conv: [kernel], max: [], average: [1 / (results.kernel[0] * results.kernel[1])] };
      if (name === "gradW") return [error, input];
      return [...weighed[results.kind], name === "y" ? input : error];
    });
  }

  function light() {
    for (const lit of root.querySelectorAll(".lit, .chosen")) lit.classList.remove("lit", "chosen");
    const line = root.querySelector(".sum");
    line.textContent = "Choose a number of a result to see how it was computed.";
    const at = chosen && results && cell(...chosen);
    if (!at) return;
    at.classList.add("chosen");
    const products = madeOf(chosen).map((factors) =>
      factors
        .map((factor) => {
          if (typeof factor === "number") return Numbers.short(factor);
          cell(...factor).classList.add("lit");
          return Numbers.short(state[factor[0]][factor[1]][factor[2]]);
        })
        .join(" × "),
    );
    if (chosen[0] === "y" && results.kind === "conv") products.push(Numbers.short(results.bias));
    const [name, r, c] = chosen;
    const sum = products.length ? products.join(" + ") : "no output saw it, so 0";
    line.textContent = `${TITLES[name]} [${r}, ${c}] = ${sum} = ${Numbers.short(results[name][r][c])}`;
  }

  return { start };
})();

Bench.start(document.querySelector("#bench"));
