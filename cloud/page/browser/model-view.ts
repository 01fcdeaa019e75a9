import { conditionOf } from './assess.js';
import { h, setText } from './dom.js';
import { nameOf } from './names.js';
import { bandText, finderOf } from './part-text.js';
import type { PictureView } from './parts-view.js';
import type { Machine, ModelPicture, Quantity } from './protocol.js';
import type { Store } from './store.js';
import type { View } from './view.js';

/**
 * A model of one's own in space, whose nodes follow values. What it is bound to stands below it in words,
 * for those who can't see it or whose browser can't show it.
 */
export function createModelView(
  store: Store,
  machine: Machine,
  picture: ModelPicture,
  select: (quantityId: string) => void,
): PictureView {
  const find = finderOf(machine);
  const bound = [
    ...new Set(picture.bind.map((b) => find(b.variable)).filter((q) => q !== undefined)),
  ];
  const buttons = new Map<string, HTMLButtonElement>();
  const list = h('ul', { class: 'bound-values', 'aria-label': 'Values in the picture' });
  for (const { id } of bound) {
    const button = h('button', { type: 'button' });
    button.addEventListener('click', () => select(id));
    buttons.set(id, button);
    list.append(h('li', {}, button));
  }
  const hint = h('p', { class: 'hint', text: 'Loading the model in space …' });
  const holder = h('div', { class: 'picture' });
  const element = h(
    'section',
    { id: 'schematic', 'aria-labelledby': 'schematic-title' },
    h('h2', { id: 'schematic-title', text: 'The machine now' }),
    holder,
    list,
    hint,
  );
  let scene: View | undefined;
  // What draws in space is loaded for machines that have a model only.
  import('./model-scene.js')
    .then(({ createModelScene }) => createModelScene(store, machine, picture, select))
    .then((created) => {
      scene = created;
      holder.append(created.element);
      created.update();
      setText(hint, 'Drag to turn it. Click on a part or a value for a closer look.');
    })
    .catch(() =>
      setText(hint, 'The model can not be shown in this browser; its values are above.'),
    );
  const show = (quantity: Quantity) => {
    const button = buttons.get(quantity.id);
    if (button === undefined) return;
    setText(button, `${nameOf(quantity, machine.layout)}: ${bandText(quantity, store)}`);
    button.dataset.condition = conditionOf(quantity, store.last(quantity.id));
  };
  return {
    element,
    update() {
      for (const quantity of bound) show(quantity);
      scene?.update();
    },
    mark(quantityId) {
      for (const [id, button] of buttons) button.classList.toggle('selected', id === quantityId);
    },
  };
}
