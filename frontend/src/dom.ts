/** The few things the panels do to the document. Nothing here writes markup from text. */

export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind | null {
  return document.getElementById(id) as Kind | null
}

/** Write text only where it differs: an unchanged cell costs no layout. */
export function setText(node: Element | null | undefined, text: string): void {
  if (node != null && node.textContent !== text) node.textContent = text
}

export function setData(node: HTMLElement | null | undefined, name: string, value: string): void {
  if (node != null && node.dataset[name] !== value) node.dataset[name] = value
}

export function setHidden(node: HTMLElement | null | undefined, isHidden: boolean): void {
  if (node != null && node.hidden !== isHidden) node.hidden = isHidden
}

export function create<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className = '',
  text = '',
): HTMLElementTagNameMap[Tag] {
  const node = document.createElement(tag)
  if (className !== '') node.className = className
  if (text !== '') node.textContent = text
  return node
}
