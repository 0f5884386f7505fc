"use strict";
// The arithmetic in words: one element, the products that made it, the largest of many first.

const Told = (() => {
  const ALL = 36, LARGEST = 12; // up to so many products stand in full; of more, the largest ones

  /** Make an element with text or children. */
  function make(tag, className, ...content) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...content);
    return made;
  }

  /** Look the factors of every term up, and multiply. A product without its numbers is missing. */
  function evaluated(layer, terms) {
    return terms.map((factors, place) => {
      const known = factors.map((factor) =>
        typeof factor === "number"
          ? { value: factor }
          : { name: factor[0], index: factor[1], value: layer.arrays[factor[0]].at(factor[1]) },
      );
      const missing = known.some(({ value }) => value === undefined);
      const value = missing ? undefined : known.reduce((product, one) => product * one.value, 1);
      return { factors: known, value, place };
    });
  }

  /** Add as a careful reader would: what is lost to rounding is kept aside (Kahan). */
  function total(products) {
    let sum = 0, lost = 0;
    for (const { value } of products) {
      const next = value - lost;
      const more = sum + next;
      lost = more - sum - next;
      sum = more;
    }
    return sum;
  }

  const written = ({ factors }) => factors.map(({ value }) => Numbers.short(value)).join(" × ");

  function product(one, point) {
    const text = make("span", "product", written(one));
    const about = one.factors.filter(({ name }) => name).map(({ name, index }) => `${name}[${index}]`);
    text.title = `${about.join(" × ")} = ${Numbers.short(one.value)}`;
    text.addEventListener("pointerenter", () => point(one));
    text.addEventListener("pointerleave", () => point(null));
    return text;
  }

  /** "a × b + c × d + ..." */
  function joined(products, point) {
    const line = make("span");
    products.forEach((one, place) => {
      if (place) line.append(" + ");
      line.append(product(one, point));
    });
    return line;
  }

  /** Write the sum out: all of it, or its largest products with the rest folded. */
  function sum(terms, value, array, point, { others, shares, window }) {
    const parts = make("div", "sum");
    const here = terms.filter((one) => one.value !== undefined);
    const many = here.length > ALL;
    const sorted = [...here].sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.place - b.place);
    const shown = many ? sorted.slice(0, LARGEST) : here;
    const line = make("p", "products", "= ");
    line.append(shown.length || terms.length ? joined(shown, point) : "0");
    if (shown.length || !terms.length) parts.append(line);
    if (!terms.length) line.append(make("span", "soft", "  (nothing reached it)"));
    if (many) {
      const rest = sorted.slice(LARGEST);
      const fold = make("details", "rest");
      fold.append(make("summary", "", `+ ${rest.length.toLocaleString("en")} smaller products, together ${Numbers.short(total(rest))}`));
      fold.addEventListener("toggle", () => {
        if (fold.open && fold.children.length === 1) fold.append(everything(rest, point));
      });
      parts.append(fold);
    }
    const absent = terms.length - here.length;
    const apart = shares && !absent; // every image's share is on the page
    if (apart) {
      const together = total(shares);
      const words = `+ the ${others} other images of the batch, together ${Numbers.short(together)}`;
      parts.append(images(words, shares));
      const all = Numbers.short(total(here) + together);
      parts.append(make("p", "soft", `The sum of all is ${all}; the library's own number is ${array.exact(value)}.`));
    } else if (others || absent) {
      const many = `${absent.toLocaleString("en")} of ${terms.length.toLocaleString("en")} products whose numbers are not on this page`;
      const batch = `what the ${others} other images of the batch add`;
      const what = [absent && many, others && batch].filter(Boolean).join(" and ");
      parts.append(make("p", "absent", `${shown.length ? "+" : "="} ${what}: ${Numbers.short(value - total(here))}`));
    } else if (terms.length > 1) {
      parts.append(make("p", "soft", `The products add up to ${Numbers.short(total(here))}; the library's own number is ${array.exact(value)}.`));
    }
    const beyond = window - terms.filter(({ factors }) => factors.length === 2).length;
    if (beyond > 0) parts.append(make("p", "soft", `${beyond} of ${window} products have padding as a factor and add 0.`));
    return parts;
  }

  /** What each image adds, to be unfolded. */
  function images(words, shares) {
    const fold = make("details", "rest"), list = make("ul", "images");
    for (const { name, value } of shares) list.append(make("li", "", `${name}: ${Numbers.short(value)}`));
    fold.append(make("summary", "", words), list);
    return fold;
  }

  /** Spans for a few hundred, plain text for thousands. */
  function everything(products, point) {
    const box = make("div", "everything");
    box.tabIndex = 0;
    if (products.length <= 400) box.append(joined(products, point));
    else box.textContent = products.map(written).join(" + ");
    return box;
  }

  /** The patch and the kernel beside each other, of the pair of maps that is shown. */
  function windows(terms, symbol, leads) {
    const mine = terms.filter(
      ({ value, factors }) =>
        value !== undefined &&
        factors.length === 2 &&
        factors.every(({ name, index }) => name && `${leads[name]}` === `${index.slice(0, -2)}`),
    );
    if (mine.length < 2 || mine.length > 121) return null;
    const frame = make("div", "windows scroll");
    mine[0].factors.forEach(({ name }, side) => {
      if (side) frame.append(make("span", "times", "×"));
      const table = make("table", "window");
      table.createCaption().textContent = `${symbol(name)}[${leads[name].join(", ")}]`;
      const places = mine.map(({ factors }) => factors[side]);
      const cells = new Map(places.map(({ index, value }) => [index.slice(-2).join(), value]));
      // both in the order in which they meet: row by row of the first
      const rows = [...new Set(mine.map(({ factors }) => factors[0].index.at(-2)))].sort((a, b) => a - b);
      const columns = [...new Set(mine.map(({ factors }) => factors[0].index.at(-1)))].sort((a, b) => a - b);
      for (const r of rows) {
        const row = table.insertRow();
        for (const c of columns) {
          const one = mine.find(({ factors }) => factors[0].index.at(-2) === r && factors[0].index.at(-1) === c);
          row.insertCell().textContent = one ? Numbers.short(cells.get(one.factors[side].index.slice(-2).join())) : "";
        }
      }
      frame.append(table);
    });
    frame.append(make("span", "times", "="), make("b", "", Numbers.short(total(mine))));
    return frame;
  }

  return { evaluated, images, make, sum, total, windows };
})();
