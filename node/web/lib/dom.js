// Making and changing elements. Text only ever goes in as text, so nothing foreign becomes markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.setAttribute("class", value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) add(element, child);
    else element.append(child instanceof Node ? child : String(child));
  }
}

/** An HTML element: `h("a", { href: "#/" }, "home")`. */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

/** An SVG element. */
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

/** Puts these children in place of all there are. */
export function replace(element, ...children) {
  element.replaceChildren();
  add(element, children);
  return element;
}

/** Sets text only when it differs, so that screen readers and layout are left alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute only when it differs; null takes it away. */
export function setAttr(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Hides or shows an element. Focus that was in it goes to what `next()` names, so that no key is lost. */
export function hide(element, isHidden, next) {
  const isLeft = isHidden && element.contains(document.activeElement);
  element.hidden = isHidden;
  if (isLeft) next()?.focus({ preventScroll: true });
}

/** Lets a button be pressed or not. Focus that was on it goes to what `next()` names. */
export function disable(button, isDisabled, next) {
  const isLeft = isDisabled && document.activeElement === button;
  button.disabled = isDisabled;
  if (isLeft) next()?.focus({ preventScroll: true });
}

/** Makes a parent's children those of a list: kept by key, made when new, removed when gone. */
export function keyed(parent, items, key, make, update) {
  const known = (parent.__keyed ??= new Map());
  const wanted = new Set(items.map(key));
  // Elements that go are removed first: then the others are not moved, and the focus stays.
  for (const [name, element] of known) {
    if (wanted.has(name)) continue;
    element.remove();
    known.delete(name);
  }
  let place = parent.firstChild;
  for (const item of items) {
    const name = key(item);
    let element = known.get(name);
    if (!element) known.set(name, (element = make(item)));
    update?.(element, item);
    if (element === place) place = place.nextSibling;
    else parent.insertBefore(element, place);
  }
}

/** A table with a head, for everything that a picture shows. */
export function table(caption, heads, rows) {
  const cell = (value) => h("td", null, value);
  return framed(
    caption,
    heads,
    h(
      "tbody",
      null,
      rows.map((row) => h("tr", null, row.map(cell))),
    ),
  );
}

function framed(caption, heads, body) {
  return h(
    "div",
    { class: "wide", tabindex: 0, role: "region", "aria-label": caption },
    h(
      "table",
      null,
      h("caption", { class: "unseen" }, caption),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          heads.map((head) => h("th", { scope: "col" }, head)),
        ),
      ),
      body,
    ),
  );
}

/** A table that is filled again and again. Rows are kept by their key, so that focus and place stay. */
export class LiveTable {
  constructor(caption, heads) {
    this.body = h("tbody");
    this.element = framed(caption, heads, this.body);
  }

  /** Shows these items; `cells(item)` gives a row's values, one for each head. */
  show(items, key, cells) {
    const hadFocus = this.body.contains(document.activeElement);
    keyed(
      this.body,
      items,
      key,
      () => h("tr"),
      (row, item) => cells(item).forEach((value, place) => setCell(row, place, value)),
    );
    // The row that had the focus is gone: the next key finds its way from the table.
    if (hadFocus && !this.body.contains(document.activeElement)) this.element.focus({ preventScroll: true });
  }
}

/** Changes a cell only when it would look different. */
function setCell(row, place, value) {
  const fresh = h("td", null, value);
  const cell = row.children[place];
  if (!cell) row.append(fresh);
  else if (!cell.isEqualNode(fresh)) cell.replaceWith(fresh);
}
