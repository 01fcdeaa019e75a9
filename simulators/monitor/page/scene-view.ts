import {
  AmbientLight,
  BoxGeometry,
  BufferGeometry,
  CylinderGeometry,
  DirectionalLight,
  DoubleSide,
  Float32BufferAttribute,
  Mesh,
  MeshStandardMaterial,
  PerspectiveCamera,
  Raycaster,
  Scene,
  Vector2,
  WebGLRenderer,
} from 'three';
import { OrbitControls } from 'three/addons/controls/OrbitControls.js';
import { severityOf } from './assess.js';
import { scaleColour } from './colour-scale.js';
import { h } from './dom.js';
import type { Layout, LayoutComponent, Machine } from './protocol.js';
import type { Store } from './store.js';
import { tensionShare } from './tension-share.js';
import type { View } from './view.js';
import { type Point, tangentBetween } from './web-path.js';

/** Width of the rollers and of the web, metres: pictures need one, and the layout has none. */
const ROLLER_WIDTH_M = 0.5;
const WEB_WIDTH_M = 0.42;
/** Rollers are shown turning so much slower than they do, or the eye would see them stand. */
const SLOWER = 10;
const ARC_STEPS = 24;

/**
 * The line in space: rollers turn at a tenth of their speed and are coloured by drag, the web by
 * tension, as in the schematic.
 *
 * @throws when the browser has no WebGL
 */
export function createSceneView(
  store: Store,
  machine: Machine,
  layout: Layout,
  select: (quantityId: string) => void,
): View & { destroy(): void } {
  const renderer = new WebGLRenderer({ antialias: true, alpha: true });
  const scene = new Scene();
  const sun = new DirectionalLight(0xffffff, 2.2);
  sun.position.set(1, 3, 4);
  scene.add(new AmbientLight(0xffffff, 1.4), sun);
  const element = h('div', { class: 'scene' });
  element.append(renderer.domElement);
  renderer.domElement.setAttribute('role', 'img');
  renderer.domElement.setAttribute('aria-label', `${machine.name} in space; drag to turn it`);

  const find = (variable: string | undefined) =>
    machine.quantities.find((q) => variable !== undefined && q.variable === variable);
  const updates: (() => void)[] = [];
  const turning: { mesh: Mesh; component: LayoutComponent }[] = [];
  const targets = new Map<Mesh, string>();
  for (const component of layout.components) {
    const { roller, material } = createRoller(component);
    scene.add(roller);
    turning.push({ mesh: roller, component });
    const drag = find(component.drag);
    const shown = drag ?? find(component.speed);
    if (shown !== undefined) targets.set(roller, shown.id);
    updates.push(() => {
      const row = drag === undefined ? undefined : store.last(drag.id);
      if (drag === undefined || row === undefined) return;
      material.color.setStyle(scaleColour(Math.min(1, severityOf(drag, row))));
    });
  }
  for (const { mesh, tension } of createWeb(layout)) {
    scene.add(mesh);
    const quantity = find(tension);
    if (quantity === undefined) continue;
    targets.set(mesh, quantity.id);
    const { color } = mesh.material as MeshStandardMaterial;
    updates.push(() => color.setStyle(scaleColour(tensionShare(store, quantity.id))));
  }

  const camera = new PerspectiveCamera(14, 1, 0.1, 500);
  const controls = new OrbitControls(camera, renderer.domElement);
  // The page scrolls with the wheel; the picture does not take it away.
  controls.enableZoom = false;
  let width = 0;

  /** Looks at the whole line, from a little above. */
  function frame(): void {
    width = element.clientWidth;
    const height = element.clientHeight;
    if (width === 0 || height === 0) return;
    renderer.setPixelRatio(Math.min(2, devicePixelRatio));
    renderer.setSize(width, height);
    const xs = layout.components.flatMap((c) => [c.x - c.radiusM, c.x + c.radiusM]);
    const ys = layout.components.map((c) => c.y);
    const [left, right] = [Math.min(...xs), Math.max(...xs)];
    const middleY = (Math.min(...ys) + Math.max(...ys)) / 2;
    camera.aspect = width / height;
    camera.updateProjectionMatrix();
    const tangent = Math.tan((camera.fov * Math.PI) / 360);
    const distance = (0.55 * (right - left)) / (tangent * camera.aspect) + 0.4;
    const middleX = (left + right) / 2;
    controls.target.set(middleX, middleY, 0);
    camera.position.set(middleX - 0.2 * distance, middleY + 0.3 * distance, 0.93 * distance);
    controls.update();
  }

  const still = matchMedia('(prefers-reduced-motion: reduce)');
  let visible = false;
  let pending = 0;
  let beforeMs = 0;
  function draw(nowMs: number): void {
    pending = 0;
    const elapsedS = Math.min(0.1, (nowMs - beforeMs) / 1000);
    beforeMs = nowMs;
    if (element.clientWidth !== width) frame();
    for (const { mesh, component } of turning) {
      const speed = find(component.speed);
      const w = speed === undefined ? undefined : store.last(speed.id)?.[1];
      const sign = component.web === 'over' ? -1 : 1;
      if (!still.matches) mesh.rotation.z += (sign * (w ?? 0) * elapsedS) / SLOWER;
    }
    renderer.render(scene, camera);
    if (visible) pending = requestAnimationFrame(draw);
  }
  const inView = new IntersectionObserver((entries) => {
    visible = entries.some((e) => e.isIntersecting);
    if (visible && pending === 0) pending = requestAnimationFrame(draw);
  });
  inView.observe(element);

  const raycaster = new Raycaster();
  renderer.domElement.addEventListener('click', (event) => {
    const box = renderer.domElement.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 2 - 1;
    const y = 1 - ((event.clientY - box.top) / box.height) * 2;
    raycaster.setFromCamera(new Vector2(x, y), camera);
    const [hit] = raycaster.intersectObjects([...targets.keys()], false);
    const id = hit === undefined ? undefined : targets.get(hit.object as Mesh);
    if (id !== undefined) select(id);
  });

  return {
    element,
    update() {
      for (const update of updates) update();
    },
    destroy() {
      inView.disconnect();
      cancelAnimationFrame(pending);
      controls.dispose();
      renderer.dispose();
    },
  };
}

/** A roller with a mark on its faces and a groove along it, so that its turning can be seen. */
function createRoller(c: LayoutComponent): { roller: Mesh; material: MeshStandardMaterial } {
  const material = new MeshStandardMaterial({ color: 0x9fb6c3, roughness: 0.45, metalness: 0.25 });
  const geometry = new CylinderGeometry(c.radiusM, c.radiusM, ROLLER_WIDTH_M, 48);
  geometry.rotateX(Math.PI / 2);
  const roller = new Mesh(geometry, material);
  roller.position.set(c.x, c.y, 0);
  const dark = new MeshStandardMaterial({ color: 0x27323a });
  const mark = new Mesh(
    new BoxGeometry(1.7 * c.radiusM, 0.22 * c.radiusM, ROLLER_WIDTH_M + 0.012),
    dark,
  );
  roller.add(mark);
  return { roller, material };
}

/** The web: a ribbon for each span, with half of the wraps at its ends. */
function createWeb(layout: Layout): { mesh: Mesh; tension: string | undefined }[] {
  const byId = new Map(layout.components.map((c) => [c.id, c]));
  const spans = layout.spans.flatMap((span) => {
    const from = byId.get(span.from);
    const to = byId.get(span.to);
    if (from === undefined || to === undefined) return [];
    return [{ ...span, a: from, b: to, tangent: tangentBetween(from, to) }];
  });
  return spans.map((span) => {
    const after = spans.find((s) => s.from === span.to);
    const wrap = after === undefined ? [] : arcPoints(span.b, span.tangent.to, after.tangent.from);
    return {
      mesh: ribbon([span.tangent.from, span.tangent.to, ...wrap]),
      tension: span.tension,
    };
  });
}

/** Points on a roller from where the web arrives to where it leaves. */
function arcPoints(c: LayoutComponent, arrives: Point, leaves: Point): Point[] {
  const start = Math.atan2(arrives.y + c.y, arrives.x - c.x);
  const end = Math.atan2(leaves.y + c.y, leaves.x - c.x);
  const sign = c.web === 'over' ? 1 : -1;
  const full = 2 * Math.PI;
  const turn = (((sign * (end - start)) % full) + full) % full;
  return Array.from({ length: ARC_STEPS }, (_, i) => {
    const angle = start + (sign * turn * (i + 1)) / ARC_STEPS;
    // A little outside, so that web and roller do not flicker through each other.
    const r = 1.02 * c.radiusM;
    return { x: c.x + r * Math.cos(angle), y: -c.y + r * Math.sin(angle) };
  });
}

function ribbon(points: readonly Point[]): Mesh {
  const positions: number[] = [];
  const half = WEB_WIDTH_M / 2;
  for (let i = 0; i + 1 < points.length; i++) {
    const [p, q] = [points[i], points[i + 1]];
    if (p === undefined || q === undefined) continue;
    const corners = [p.x, -p.y, -half, q.x, -q.y, -half, q.x, -q.y, half, p.x, -p.y, half];
    for (const k of [0, 1, 2, 0, 2, 3]) positions.push(...corners.slice(3 * k, 3 * k + 3));
  }
  const geometry = new BufferGeometry();
  geometry.setAttribute('position', new Float32BufferAttribute(positions, 3));
  geometry.computeVertexNormals();
  const material = new MeshStandardMaterial({
    color: 0x9fb6c3,
    side: DoubleSide,
    roughness: 0.8,
    transparent: true,
    opacity: 0.85,
  });
  return new Mesh(geometry, material);
}
