import { h, setText } from './dom.js';
import type { PageEvent } from './protocol.js';

/** Where this browser keeps the name that was given last. */
const NAME_KEY = 'twinloop.name';

/** Asks for a name and a note, and has SiteWise keep them with the event. */
export function createAcknowledgeDialog(asset: string | null): {
  element: HTMLDialogElement;
  open(event: PageEvent, title: string): void;
} {
  const subject = h('p', {});
  const by = h('input', { id: 'acknowledge-by', name: 'by', required: '', maxlength: '60' });
  const note = h('textarea', { id: 'acknowledge-note', name: 'note', maxlength: '400', rows: '3' });
  const fault = h('p', { class: 'fault', role: 'alert' });
  const save = h('button', { type: 'submit', class: 'toggle deed', text: 'Acknowledge' });
  const cancel = h('button', { type: 'button', class: 'toggle', text: 'Cancel' });
  const form = h(
    'form',
    {},
    h('h2', { id: 'acknowledge-title', text: 'Acknowledge' }),
    subject,
    h('label', { for: 'acknowledge-by', text: 'Your name' }),
    by,
    h('label', { for: 'acknowledge-note', text: 'Note: what you found, what you will do' }),
    note,
    fault,
    h('div', { class: 'bar' }, save, cancel),
  );
  const element = h('dialog', { 'aria-labelledby': 'acknowledge-title' }, form);
  let key = '';
  cancel.addEventListener('click', () => element.close());
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    save.disabled = true;
    const problem = await send(asset, { key, by: by.value, note: note.value });
    save.disabled = false;
    setText(fault, problem ?? '');
    if (problem !== undefined) return;
    remember(by.value);
    element.close();
  });
  return {
    element,
    open(event, title) {
      ({ key } = event);
      setText(subject, title);
      setText(fault, '');
      if (by.value === '') by.value = remembered();
      note.value = '';
      element.showModal();
    },
  };
}

/** @returns why it was not taken; undefined where it was */
async function send(asset: string | null, body: object): Promise<string | undefined> {
  const query = asset === null ? '' : `?asset=${encodeURIComponent(asset)}`;
  try {
    const answer = await fetch(`/api/acknowledge${query}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    const { error } = (await answer.json()) as { error?: string };
    return error;
  } catch {
    return 'The server of this page does not answer: try again.';
  }
}

function remembered(): string {
  try {
    return localStorage.getItem(NAME_KEY) ?? '';
  } catch {
    // A browser may keep nothing; the name is then asked for each time.
    return '';
  }
}

function remember(name: string): void {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // As above.
  }
}
