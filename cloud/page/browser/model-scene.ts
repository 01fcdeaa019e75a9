import {
  AmbientLight,
  Box3,
  DirectionalLight,
  type Material,
  type Mesh,
  type MeshStandardMaterial,
  type Object3D,
  Quaternion,
  Raycaster,
  Scene,
  Vector2,
  Vector3,
  WebGLRenderer,
} from 'three';
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';
import { severityOf } from './assess.js';
import { scaleColour } from './colour-scale.js';
import { h, setText } from './dom.js';
import { nameOf } from './names.js';
import { bandText, finderOf } from './part-text.js';
import { shortValue } from './parts-view.js';
import type { Machine, ModelPicture, PictureBinding, Quantity } from './protocol.js';
import { createSceneCamera } from './scene-camera.js';
import type { Store } from './store.js';
import type { View } from './view.js';

const MODEL_PATH = `/machine.glb${location.search}`;

/** How far a value lies in a range, 0 to 1. */
const shareOf = (value: number, [low, high]: readonly [number, number]) =>
  Math.min(1, Math.max(0, (value - low) / (high - low)));

/** Gives a node materials of its own, so that no other node changes with it. */
function ownMaterials(node: Object3D): MeshStandardMaterial[] {
  const own: MeshStandardMaterial[] = [];
  const copy = (material: Material) => {
    const made = material.clone() as MeshStandardMaterial;
    own.push(made);
    return made;
  };
  node.traverse((part) => {
    const mesh = part as Mesh;
    if (mesh.material === undefined) return;
    mesh.material = Array.isArray(mesh.material) ? mesh.material.map(copy) : copy(mesh.material);
  });
  return own.filter((material) => material.color !== undefined);
}

/** What one binding does to its node, as a function of the value. */
function actionOf(
  node: Object3D,
  { as, range, degrees, axis }: PictureBinding,
  quantity: Quantity,
  store: Store,
): () => void {
  const value = () => store.last(quantity.id)?.[1] ?? undefined;
  if (as === 'colour') {
    const materials = ownMaterials(node);
    return () => {
      const now = value();
      if (now === undefined) return;
      const share =
        range === undefined
          ? Math.min(1, severityOf(quantity, store.last(quantity.id)))
          : shareOf(now, range);
      for (const material of materials) material.color.setStyle(scaleColour(share));
    };
  }
  if (range === undefined) return () => {};
  if (as === 'rotation') {
    const given = node.quaternion.clone();
    const about = new Vector3();
    about[axis ?? 'z'] = 1;
    const [from, to] = degrees;
    return () => {
      const now = value();
      if (now === undefined) return;
      // Clockwise for who looks against the axis.
      const angle = -((from + shareOf(now, range) * (to - from)) * Math.PI) / 180;
      node.quaternion.copy(given).multiply(new Quaternion().setFromAxisAngle(about, angle));
    };
  }
  if (as !== 'level') return () => {};
  const along = axis ?? 'y';
  const place = node.position.clone();
  const full = node.scale[along];
  // Where its lower end is, from its origin, in its own lengths.
  const inverse = node.matrixWorld.clone().invert();
  const low = new Box3().setFromObject(node).applyMatrix4(inverse).min[along];
  return () => {
    const now = value();
    if (now === undefined) return;
    const share = Math.max(1e-6, shareOf(now, range));
    node.scale[along] = full * share;
    const shift = new Vector3();
    shift[along] = low * full * (1 - share);
    node.position.copy(place).add(shift.applyQuaternion(node.quaternion));
  };
}

/**
 * A model of one's own in space.
 *
 * @throws when the browser has no WebGL, or the model can't be loaded
 */
export async function createModelScene(
  store: Store,
  machine: Machine,
  picture: ModelPicture,
  select: (quantityId: string) => void,
): Promise<View> {
  const { scene: model, parser } = await new GLTFLoader().loadAsync(MODEL_PATH);
  const renderer = new WebGLRenderer({ antialias: true, alpha: true });
  const scene = new Scene();
  const sun = new DirectionalLight(0xffffff, 2.4);
  sun.position.set(1, 3, 4);
  scene.add(new AmbientLight(0xffffff, 1.5), sun, model);
  model.updateMatrixWorld(true);
  const canvas = renderer.domElement;
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `Model of ${machine.name} in space; its values follow`);
  const names = h('div', { class: 'names', 'aria-hidden': 'true' });
  const tip = h('div', { class: 'tip', role: 'tooltip', hidden: '' });
  const element = h('div', { class: 'scene' }, canvas, names, tip);

  // The loader changes names that it can't use in animations: nodes are found by their place in the file.
  const json = parser.json as { nodes?: { name?: string }[] };
  const byName = new Map<string, Object3D>();
  for (const [index, { name }] of (json.nodes ?? []).entries())
    if (name !== undefined) byName.set(name, await parser.getDependency('node', index));
  const find = finderOf(machine);
  const updates: (() => void)[] = [];
  const quantities = new Map<Object3D, Quantity[]>();
  const labels: { label: HTMLElement; at: Vector3 }[] = [];
  for (const binding of picture.bind) {
    const node = byName.get(binding.element);
    const quantity = find(binding.variable);
    if (node === undefined || quantity === undefined) continue;
    quantities.set(node, [...(quantities.get(node) ?? []), quantity]);
    if (binding.as !== 'text') {
      updates.push(actionOf(node, binding, quantity, store));
      continue;
    }
    const label = h('span', {});
    names.append(label);
    const box = new Box3().setFromObject(node);
    const at = box.isEmpty()
      ? node.getWorldPosition(new Vector3())
      : box.getCenter(new Vector3()).setY(box.max.y);
    labels.push({ label, at });
    updates.push(() => setText(label, shortValue(quantity, store)));
  }

  const view = createSceneCamera(canvas, model);
  let width = 0;
  let pending = 0;
  function draw(): void {
    pending = 0;
    if (element.clientWidth !== width && element.clientHeight > 0) {
      width = element.clientWidth;
      renderer.setPixelRatio(Math.min(2, devicePixelRatio));
      renderer.setSize(width, element.clientHeight);
      view.frame(width / element.clientHeight);
    }
    for (const { label, at } of labels) {
      const p = at.clone().project(view.camera);
      const x = (((p.x + 1) / 2) * width).toFixed(1);
      const y = (((1 - p.y) / 2) * element.clientHeight).toFixed(1);
      label.style.transform = `translate(${x}px, ${y}px) translate(-50%, -100%)`;
    }
    renderer.render(scene, view.camera);
  }
  /** Draws when something has changed: nothing moves by itself. */
  const redraw = () => {
    if (pending === 0) pending = requestAnimationFrame(draw);
  };
  view.changed(redraw);
  new ResizeObserver(redraw).observe(element);

  const raycaster = new Raycaster();
  function partAt(event: MouseEvent): readonly Quantity[] {
    const bounds = canvas.getBoundingClientRect();
    const x = ((event.clientX - bounds.left) / bounds.width) * 2 - 1;
    const y = 1 - ((event.clientY - bounds.top) / bounds.height) * 2;
    raycaster.setFromCamera(new Vector2(x, y), view.camera);
    for (const hit of raycaster.intersectObject(model)) {
      for (let node: Object3D | null = hit.object; node !== null; node = node.parent) {
        const found = quantities.get(node);
        if (found !== undefined) return found;
      }
    }
    return [];
  }
  function point(event: MouseEvent): void {
    const found = partAt(event);
    canvas.classList.toggle('pointed', found.length > 0);
    tip.hidden = found.length === 0;
    const lines = found.map((q) => `${nameOf(q, machine.layout)}: ${bandText(q, store)}`);
    setText(tip, [...new Set(lines)].join('\n'));
    const bounds = element.getBoundingClientRect();
    const left = Math.min(event.clientX - bounds.left + 14, bounds.width - tip.offsetWidth - 4);
    const top = Math.min(event.clientY - bounds.top + 14, bounds.height - tip.offsetHeight - 4);
    tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
  }
  canvas.addEventListener('pointermove', point);
  canvas.addEventListener('pointerleave', point);
  canvas.addEventListener('click', (event) => {
    const [first] = partAt(event);
    if (first !== undefined) select(first.id);
  });
  return {
    element,
    update() {
      for (const update of updates) update();
      redraw();
    },
  };
}
