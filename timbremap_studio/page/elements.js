// Elements of the page, made in a line.

/** Make an element with properties, attributes (`aria-…`, `data-…`) and children. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-")) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

/** A button that does something. */
export function button(text, act, properties = {}) {
  const made = element("button", { type: "button", textContent: text, ...properties });
  made.addEventListener("click", () => act(made));
  return made;
}

/** A head of a section: its title, and buttons on the right. */
export function head(id, title, ...buttons) {
  return element(
    "div",
    { className: "bar" },
    element("h2", { id, textContent: title }),
    element("span", { className: "spring" }),
    ...buttons
  );
}
