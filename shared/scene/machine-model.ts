import { type Accessor, Document, type Material, type Node, NodeIO } from '@gltf-transform/core';
import type { TwinLayout } from '../config/index.js';
import { OTHER_NAMES, partNames } from './part-names.js';
import { box, cylinder, merge, ribbon, type Solid } from './solids.js';
import { type Tangent, tangentBetween, wrapAngle, wrapPoints } from './web-path.js';

type Component = TwinLayout['components'][number];

/** Sizes that a side view lacks, in radii of a common roller. */
const ROLLER_LENGTH = 9;
const WEB_WIDTH = 7.6;
/** The web runs a little outside of its rollers, or the two would flicker through each other. */
const WEB_CLEARANCE = 1.02;
/** Positions are rounded to this, metres, so that every machine writes the same bytes. */
const GRID_M = 1e-5;
const ARC_STEPS = 12;

type Colour = readonly [red: number, green: number, blue: number];
const STEEL: Colour = [0.34, 0.46, 0.54];
const PAPER: Colour = [0.8, 0.74, 0.6];
const DARK: Colour = [0.022, 0.035, 0.047];
const FRAME: Colour = [0.11, 0.14, 0.17];
const ARM: Colour = [0.5, 0.3, 0.03];

/** The length that pictures of a layout are scaled by: the radius of its median component, metres. */
export function gaugeOf(layout: TwinLayout): number {
  const radii = layout.components.map((c) => c.radiusM).sort((a, b) => a - b);
  return radii[radii.length >> 1] ?? 0.05;
}

/**
 * The machine as binary glTF 2.0: metres, y upwards, the web running along x, z across it.
 *
 * Every component and every span is a node with the name that `partNames` gives it, a material of
 * its own with the same name, and in its extras the `component` (its id) and `radiusM`, or the
 * `span` (its index). A component's node turns about its z axis; a nip's second roller is
 * a node too, with `press` in its extras.
 *
 * @returns the same bytes for the same layout
 */
export async function createMachineModel(layout: TwinLayout): Promise<Uint8Array> {
  const model = new Model();
  const names = partNames(layout);
  const gauge = gaugeOf(layout);
  const length = ROLLER_LENGTH * gauge;
  const web = WEB_WIDTH * gauge;
  for (const c of layout.components) {
    const part = names.component(c.id);
    const wound = c.kind === 'unwinder' || c.kind === 'winder';
    model
      .add(part, [c.x, c.y], { component: c.id, radiusM: c.radiusM })
      .solid(cylinder(c.radiusM, wound ? web : length), part, wound ? PAPER : STEEL)
      .solid(
        wound ? core(c.radiusM, web, length) : marks(c.radiusM, length, web),
        OTHER_NAMES.marks,
        DARK,
      );
    if (c.kind === 'nip') {
      const r = 0.72 * c.radiusM;
      const away = (c.web === 'over' ? 1 : -1) * (WEB_CLEARANCE * c.radiusM + r);
      model
        .add(names.press(c.id), [c.x, c.y + away], { component: c.id, radiusM: r, press: true })
        .solid(cylinder(r, length), names.press(c.id), STEEL)
        .solid(marks(r, length, web), OTHER_NAMES.marks, DARK);
    }
  }
  for (const [index, path] of webPaths(layout)) {
    const span = layout.spans[index] as TwinLayout['spans'][number];
    const part = names.span(span);
    model.add(part, [0, 0], { span: index }).solid(ribbon(path, web), part, PAPER, { flat: true });
  }
  model
    .add(OTHER_NAMES.frame, [0, 0])
    .solid(frame(layout, gauge, length), OTHER_NAMES.frame, FRAME);
  const arms = layout.components.filter((c) => c.kind === 'dancer');
  if (arms.length > 0) {
    const solids = arms.flatMap((c) => dancerArms(c, gauge, length));
    model.add(OTHER_NAMES.arms, [0, 0]).solid(merge(...solids), OTHER_NAMES.arms, ARM);
  }
  return model.write();
}

/** The path of each span, by its index: half of the wrap before it, itself, half of the one after. */
function webPaths(layout: TwinLayout): Map<number, { x: number; y: number }[]> {
  const wheels = new Map(
    layout.components.map((c) => [c.id, { ...c, radiusM: c.radiusM * WEB_CLEARANCE }]),
  );
  const tangents = layout.spans.map((span): Tangent | undefined => {
    const [a, b] = [wheels.get(span.from), wheels.get(span.to)];
    return a === undefined || b === undefined ? undefined : tangentBetween(a, b);
  });
  const half = (id: string, before: Tangent | undefined, after: Tangent | undefined) => {
    const wheel = wheels.get(id);
    if (wheel === undefined || before === undefined || after === undefined) return [];
    if (wrapAngle(wheel, before.to, after.from) < 1e-6) return [];
    return wrapPoints(wheel, before.to, after.from, 2 * ARC_STEPS);
  };
  const paths = new Map<number, { x: number; y: number }[]>();
  layout.spans.forEach((span, i) => {
    const tangent = tangents[i];
    if (tangent === undefined) return;
    const before = tangents[layout.spans.findIndex((s) => s.to === span.from)];
    const after = tangents[layout.spans.findIndex((s) => s.from === span.to)];
    const first = half(span.from, before, tangent).slice(ARC_STEPS);
    const last = half(span.to, tangent, after).slice(0, ARC_STEPS + 1);
    paths.set(i, [
      ...(first.length === 0 ? [tangent.from] : first),
      ...(last.length === 0 ? [tangent.to] : last),
    ]);
  });
  return paths;
}

/** Shaft, crossed bars on the faces and keys beside the web, by which one sees a roller turn. */
function marks(r: number, length: number, web: number): Solid {
  const bar = [1.7 * r, 0.2 * r, length + 0.1 * r] as const;
  const margin = (length - web) / 2;
  const keys = [-1, 1].flatMap((side) =>
    [0, Math.PI].map((angle) =>
      box(
        [0.12 * r, 0.3 * r, 0.8 * margin],
        [r * Math.cos(angle), r * Math.sin(angle), (side * (web + margin)) / 2],
        angle,
      ),
    ),
  );
  return merge(
    cylinder(0.22 * r, length + 1.6 * r),
    box(bar),
    box(bar, [0, 0, 0], Math.PI / 2),
    ...keys,
  );
}

/** The core of a wound roll, with a mark from it to the rim. */
function core(r: number, web: number, length: number): Solid {
  return merge(
    cylinder(0.3 * r, length),
    box([0.62 * r, 0.06 * r, web + 0.02 * r], [0.62 * r, 0, 0]),
    box([0.62 * r, 0.06 * r, web + 0.02 * r], [-0.62 * r, 0, 0]),
  );
}

/** Two rails, and under every component a post with a bearing on each side. */
function frame(layout: TwinLayout, gauge: number, length: number): Solid {
  const { components } = layout;
  const left = Math.min(...components.map((c) => c.x - c.radiusM));
  const right = Math.max(...components.map((c) => c.x + c.radiusM));
  const floor = Math.min(...components.map((c) => c.y - c.radiusM)) - 2 * gauge;
  const solids: Solid[] = [];
  for (const side of [-1, 1]) {
    const z = side * (length / 2 + 0.9 * gauge);
    solids.push(
      box([right - left, 0.8 * gauge, 0.8 * gauge], [(left + right) / 2, floor - 0.4 * gauge, z]),
    );
    for (const c of components) {
      const height = c.y - floor;
      solids.push(
        box([0.5 * gauge, height, 0.4 * gauge], [c.x, floor + height / 2, z]),
        box([1.1 * gauge, 1.1 * gauge, 0.7 * gauge], [c.x, c.y, z]),
      );
    }
  }
  return merge(...solids);
}

/** The arms that a dancer swings on. */
function dancerArms(c: Component, gauge: number, length: number): Solid[] {
  const reach = 4 * gauge;
  const angle = (c.web === 'over' ? 1 : -1) * 0.6;
  return [-1, 1].map((side) =>
    box(
      [reach, 0.5 * gauge, 0.25 * gauge],
      [
        c.x + (reach / 2) * Math.cos(angle),
        c.y + (reach / 2) * Math.sin(angle),
        side * (length / 2 + 0.35 * gauge),
      ],
      angle,
    ),
  );
}

/** A glTF document that grows by named parts. */
class Model {
  readonly #document = new Document();
  readonly #buffer = this.#document.createBuffer();
  readonly #root: Node;
  readonly #materials = new Map<string, Material>();
  readonly #accessors = new Map<string, Accessor>();

  constructor() {
    // Only nodes and materials have names: loaders keep names apart by changing them.
    this.#root = this.#document.createNode(OTHER_NAMES.root);
    const scene = this.#document.createScene().addChild(this.#root);
    this.#document.getRoot().setDefaultScene(scene);
  }

  /** A part at a place; what it consists of is added by the `solid` of what is returned. */
  add(name: string, [x, y]: readonly [number, number], extras: Record<string, unknown> = {}) {
    const mesh = this.#document.createMesh();
    const node = this.#document
      .createNode(name)
      .setTranslation([x, y, 0])
      .setMesh(mesh)
      .setExtras(extras);
    this.#root.addChild(node);
    const part = {
      solid: (solid: Solid, material: string, colour: Colour, options: { flat?: boolean } = {}) => {
        mesh.addPrimitive(
          this.#document
            .createPrimitive()
            .setAttribute('POSITION', this.#accessor('VEC3', solid.positions))
            .setAttribute('NORMAL', this.#accessor('VEC3', solid.normals))
            .setIndices(this.#accessor('SCALAR', solid.indices))
            .setMaterial(this.#material(material, colour, options.flat ?? false)),
        );
        return part;
      },
    };
    return part;
  }

  async write(): Promise<Uint8Array> {
    return new NodeIO().writeBinary(this.#document);
  }

  #material(name: string, [red, green, blue]: Colour, flat: boolean): Material {
    const known = this.#materials.get(name);
    if (known !== undefined) return known;
    const material = this.#document
      .createMaterial(name)
      .setBaseColorFactor([red, green, blue, 1])
      .setMetallicFactor(flat ? 0 : 0.25)
      .setRoughnessFactor(flat ? 0.85 : 0.45)
      .setDoubleSided(flat);
    this.#materials.set(name, material);
    return material;
  }

  /** Parts of the same shape share their data. */
  #accessor(type: 'VEC3' | 'SCALAR', values: readonly number[]): Accessor {
    const array =
      type === 'SCALAR'
        ? Uint16Array.from(values)
        : Float32Array.from(values, (v) => Math.round(v / GRID_M) * GRID_M + 0);
    const key = `${type} ${array.join(' ')}`;
    let accessor = this.#accessors.get(key);
    if (accessor === undefined) {
      accessor = this.#document
        .createAccessor()
        .setType(type)
        .setArray(array)
        .setBuffer(this.#buffer);
      this.#accessors.set(key, accessor);
    }
    return accessor;
  }
}
