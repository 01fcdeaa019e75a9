import { h } from './dom.js';

/** Whether the page is shown on a wall: large, and without controls. */
export function isOnWall(): boolean {
  return document.body.dataset.view === 'wall';
}

/**
 * Lets a reader go to the wall's view and back: by a button, by the key w, and by Escape.
 *
 * @param onChange called after it has changed
 */
export function createWallMode(onChange: () => void): HTMLButtonElement {
  const button = h('button', { type: 'button', class: 'toggle wall-mode' });
  const show = (onWall: boolean) => {
    if (onWall) document.body.dataset.view = 'wall';
    else delete document.body.dataset.view;
    button.textContent = onWall ? 'Leave the wall view' : 'Wall';
    button.setAttribute('aria-pressed', String(onWall));
  };
  const change = (onWall: boolean) => {
    if (onWall === isOnWall()) return;
    show(onWall);
    onChange();
  };
  button.addEventListener('click', () => change(!isOnWall()));
  if (keys !== undefined) document.removeEventListener('keydown', keys);
  keys = (event) => {
    const isTyping = event.target instanceof Element && event.target.matches('input, textarea');
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'w') change(!isOnWall());
    else if (event.key === 'Escape') change(false);
  };
  document.addEventListener('keydown', keys);
  show(isOnWall());
  return button;
}

/** A page that is built anew listens once. */
let keys: ((event: KeyboardEvent) => void) | undefined;
