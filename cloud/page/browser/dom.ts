/** What an element may be given besides children. */
export interface Attributes {
  class?: string;
  text?: string;
  title?: string;
  id?: string;
  [attribute: string]: string | undefined;
}

function fill(element: Element, attributes: Attributes, children: readonly Node[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    // textContent, never innerHTML: names and messages come from outside.
    if (name === 'text') element.textContent = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
}

/** An HTML element with attributes, text and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Node[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  fill(element, attributes, children);
  return element;
}

/** An SVG element with attributes, text and children. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Node[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  fill(element, attributes, children);
  return element;
}

/** Sets an element's text where it differs, so that readers of the screen hear only changes. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
