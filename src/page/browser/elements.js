// Elements of the page: what is shown goes in as text alone.

/** @template {keyof HTMLElementTagNameMap} T @param {T} tag @param {Record<string, string>} [given] @param {...(Node | string)} inside @returns {HTMLElementTagNameMap[T]} */
export function make(tag, given = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    element.setAttribute(name, value);
  }
  element.append(...inside);
  return element;
}

/** @param {string} name @param {Record<string, string>} given */
export function svgElement(name, given) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(given)) {
    element.setAttribute(key, value);
  }
  return element;
}

/** @template {HTMLElement} T @param {string} id @param {new () => T} type @returns {T} */
export function find(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) {
    throw new Error(`no ${id}`);
  }
  return element;
}

/** @param {HTMLElement} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** @param {string} words @param {string} tone */
export function badge(words, tone) {
  return make('span', { class: 'badge', 'data-tone': tone }, words);
}

/** A name and its value; nothing where it has none. @param {string} name @param {string | readonly string[]} value */
export function fact(name, value) {
  const all = typeof value === 'string' ? [value] : value;
  return all.join('') === ''
    ? []
    : [make('dt', {}, name), make('dd', {}, ...all.map((one) => make('div', {}, one)))];
}

/** Shows that it is new. @param {HTMLElement} element */
export function flash(element) {
  element.classList.remove('fresh');
  requestAnimationFrame(() => element.classList.add('fresh'));
}
