import {
  AmbientLight,
  DirectionalLight,
  type Mesh,
  type MeshStandardMaterial,
  type Object3D,
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
import { componentLines, type Find, finderOf, spanLine } from './part-text.js';
import type { Layout, LayoutComponent, Machine } from './protocol.js';
import { createSceneCamera } from './scene-camera.js';
import type { Store } from './store.js';
import { tensionShare } from './tension-share.js';
import type { View } from './view.js';

/** Rollers are shown turning so much slower than they do, or the eye would see them stand. */
const SLOWER = 10;
const MODEL_PATH = `/machine.glb${location.search}`;
const HIGHLIGHT = 0.22;

/** A component or span of the loaded model: what can be coloured, pointed at and chosen. */
interface Part {
  node: Object3D;
  /** The material that has the node's name; other materials of the part keep their colour. */
  material: MeshStandardMaterial;
  lines(): string[];
  /** The quantity that a click shows. */
  quantityId: string | undefined;
}

/** A part that turns, `radiusM` about its axis. */
interface Turning {
  node: Object3D;
  component: LayoutComponent;
  sense: 1 | -1;
  radiusM: number;
}

/**
 * The machine in space, from the same glTF that TwinMaker gets: rollers turn at a tenth of their
 * speed and are coloured by drag, the web by tension, as in the schematic.
 *
 * @throws when the browser has no WebGL, or the model can't be loaded
 */
export async function createSceneView(
  store: Store,
  machine: Machine,
  layout: Layout,
  select: (quantityId: string) => void,
): Promise<View & { destroy(): void }> {
  const { scene: model } = await new GLTFLoader().loadAsync(MODEL_PATH);
  const renderer = new WebGLRenderer({ antialias: true, alpha: true });
  const scene = new Scene();
  const sun = new DirectionalLight(0xffffff, 2.4);
  sun.position.set(1, 3, 4);
  const rim = new DirectionalLight(0xffffff, 0.7);
  rim.position.set(-3, 1, -2);
  scene.add(new AmbientLight(0xffffff, 1.5), sun, rim, model);
  const canvas = renderer.domElement;
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `${machine.name} in space; drag to turn it`);
  const tip = h('div', { class: 'tip', role: 'tooltip', hidden: '' });
  const names = h('div', { class: 'names', 'aria-hidden': 'true' });
  const element = h('div', { class: 'scene' }, canvas, names, tip);

  const find = finderOf(machine);
  const { parts, turning, colour } = readModel(model, layout, find, store);
  const labels = turning
    .filter((t) => t.node.userData.press !== true)
    .map(({ node, component }) => {
      const label = h('span', { text: component.id });
      names.append(label);
      return { label, at: node.position.clone().add(new Vector3(0, 1.3 * component.radiusM, 0)) };
    });

  const view = createSceneCamera(canvas, model);
  let width = 0;
  function resize(): void {
    width = element.clientWidth;
    if (width === 0 || element.clientHeight === 0) return;
    renderer.setPixelRatio(Math.min(2, devicePixelRatio));
    renderer.setSize(width, element.clientHeight);
    view.frame(width / element.clientHeight);
  }

  const still = matchMedia('(prefers-reduced-motion: reduce)');
  let visible = false;
  let pending = 0;
  let beforeMs = 0;
  function draw(nowMs: number): void {
    pending = 0;
    const elapsedS = Math.min(0.1, (nowMs - beforeMs) / 1000);
    beforeMs = nowMs;
    if (element.clientWidth !== width) resize();
    if (!still.matches) {
      for (const { node, component, sense, radiusM } of turning) {
        const w = surfaceSpeed(component, layout, find, store) / radiusM;
        node.rotation.z += (sense * w * elapsedS) / SLOWER;
      }
    }
    for (const { label, at } of labels) {
      const p = at.clone().project(view.camera);
      const x = ((p.x + 1) / 2) * width;
      const y = ((1 - p.y) / 2) * element.clientHeight;
      label.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px) translate(-50%, -100%)`;
    }
    renderer.render(scene, view.camera);
    if (visible) pending = requestAnimationFrame(draw);
  }
  const inView = new IntersectionObserver((entries) => {
    visible = entries.some((e) => e.isIntersecting);
    if (visible && pending === 0) pending = requestAnimationFrame(draw);
  });
  inView.observe(element);

  const raycaster = new Raycaster();
  let pointed: Part | undefined;
  function partAt(event: MouseEvent): Part | undefined {
    const bounds = canvas.getBoundingClientRect();
    const x = ((event.clientX - bounds.left) / bounds.width) * 2 - 1;
    const y = 1 - ((event.clientY - bounds.top) / bounds.height) * 2;
    raycaster.setFromCamera(new Vector2(x, y), view.camera);
    for (const hit of raycaster.intersectObject(model)) {
      let node: Object3D | null = hit.object;
      for (; node !== null; node = node.parent) {
        const part = parts.get(node);
        if (part !== undefined) return part;
      }
    }
    return undefined;
  }
  /** Names the part under the pointer; a tap does the same where nothing hovers. */
  function point(event: MouseEvent): void {
    const part = partAt(event);
    pointed?.material.emissive.setScalar(0);
    part?.material.emissive.setScalar(HIGHLIGHT);
    pointed = part;
    canvas.classList.toggle('pointed', part?.quantityId !== undefined);
    showTip();
    if (part === undefined) return;
    const bounds = element.getBoundingClientRect();
    const left = Math.min(event.clientX - bounds.left + 14, bounds.width - tip.offsetWidth - 4);
    const top = Math.min(event.clientY - bounds.top + 14, bounds.height - tip.offsetHeight - 4);
    tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
  }
  function showTip(): void {
    tip.hidden = pointed === undefined;
    if (pointed !== undefined) setText(tip, pointed.lines().join('\n'));
  }
  canvas.addEventListener('pointermove', point);
  canvas.addEventListener('pointerleave', (event) => {
    if (event.pointerType !== 'touch') point(event);
  });
  canvas.addEventListener('click', (event) => {
    point(event);
    if (pointed?.quantityId !== undefined) select(pointed.quantityId);
  });

  return {
    element,
    update() {
      colour();
      showTip();
    },
    destroy() {
      inView.disconnect();
      cancelAnimationFrame(pending);
      view.destroy();
      renderer.dispose();
      // Browsers allow a page only so many contexts, and free them late by themselves.
      renderer.forceContextLoss();
    },
  };
}

/** Finds the parts of the model by what its nodes say of themselves. */
function readModel(model: Object3D, layout: Layout, find: Find, store: Store) {
  const parts = new Map<Object3D, Part>();
  const turning: Turning[] = [];
  const colours: (() => void)[] = [];
  const byId = new Map(layout.components.map((c) => [c.id, c]));
  model.traverse((node) => {
    const { component: id, span: index, press, radiusM } = node.userData as Record<string, unknown>;
    const material = ownMaterial(node);
    if (material === undefined) return;
    const component = byId.get(String(id));
    if (component !== undefined) {
      const drag = find(component.drag);
      const shown = drag ?? find(component.speed);
      const clockwise = (component.web === 'over') !== (press === true);
      turning.push({ node, component, sense: clockwise ? -1 : 1, radiusM: Number(radiusM) });
      parts.set(node, {
        node,
        material,
        lines: () => componentLines(component, find, store),
        quantityId: shown?.id,
      });
      if (drag === undefined) return;
      colours.push(() => {
        const row = store.now(drag.id);
        if (row === undefined) return;
        material.color.setStyle(scaleColour(Math.min(1, severityOf(drag, row))));
      });
      return;
    }
    const span = typeof index === 'number' ? layout.spans[index] : undefined;
    if (span === undefined) return;
    const tension = find(span.tension);
    parts.set(node, {
      node,
      material,
      lines: () => [spanLine(span, find, store)],
      quantityId: tension?.id,
    });
    if (tension === undefined) return;
    colours.push(() => {
      if (store.last(tension.id) === undefined) return;
      material.color.setStyle(scaleColour(tensionShare(store, tension.id)));
    });
  });
  const colour = () => {
    for (const update of colours) update();
  };
  return { parts, turning, colour };
}

/** The material that bears the node's name, wherever in the node it is. */
function ownMaterial(node: Object3D): MeshStandardMaterial | undefined {
  if (node.userData.component === undefined && node.userData.span === undefined) return undefined;
  for (const object of [node, ...node.children]) {
    const { material } = object as Mesh;
    if (material !== undefined && !Array.isArray(material) && material.name === node.name) {
      return material as MeshStandardMaterial;
    }
  }
  return undefined;
}

/**
 * How fast a component's surface moves, metres per second: what its sensor says, or else that of
 * the nearest part along the web that has one, for the same web runs over both.
 */
function surfaceSpeed(c: LayoutComponent, layout: Layout, find: Find, store: Store): number {
  const at = layout.components.indexOf(c);
  for (let away = 0; away < layout.components.length; away++) {
    for (const other of [layout.components[at - away], layout.components[at + away]]) {
      const speed = find(other?.speed);
      const w = speed === undefined ? undefined : store.last(speed.id)?.[1];
      if (other !== undefined && w !== undefined && w !== null) return w * other.radiusM;
    }
  }
  return 0;
}
