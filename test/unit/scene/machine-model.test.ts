import { createRequire } from 'node:module';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  layoutSchema,
  loadConfig,
  type TwinLayout,
  twinSchema,
} from '../../../shared/config/index.js';
import { packageFile } from '../../../shared/core/index.js';
import { createMachineModel, partNames } from '../../../shared/scene/index.js';

/** Khronos' own validator of glTF; it comes without types. */
const { validateBytes } = createRequire(import.meta.url)('gltf-validator') as {
  validateBytes(bytes: Uint8Array): Promise<{ issues: { messages: unknown[] } }>;
};

interface GltfJson {
  nodes: {
    name: string;
    mesh?: number;
    translation?: number[];
    extras?: Record<string, unknown>;
  }[];
  meshes: { primitives: { attributes: { POSITION: number }; material: number }[] }[];
  materials: { name: string }[];
  accessors: { min: number[]; max: number[] }[];
}

/** The JSON chunk of a binary glTF. */
function jsonOf(glb: Uint8Array): GltfJson {
  const length = new DataView(glb.buffer, glb.byteOffset).getUint32(12, true);
  return JSON.parse(new TextDecoder().decode(glb.subarray(20, 20 + length))) as GltfJson;
}

let layout: TwinLayout;
beforeAll(async () => {
  const path = packageFile('shared/twins/web-line/twin.json');
  layout = (await loadConfig(twinSchema, path, 'twin')).layout as TwinLayout;
});

describe('the model of the web line', () => {
  it('is valid glTF, and the same bytes each time', async () => {
    const glb = await createMachineModel(layout);
    expect((await validateBytes(glb)).issues.messages).toEqual([]);
    expect(await createMachineModel(structuredClone(layout))).toEqual(glb);
    expect(glb.byteLength).toBeLessThan(150_000);
  });

  it('has its parts where the layout says', async () => {
    const gltf = jsonOf(await createMachineModel(layout));
    const round = (values: number[] = []) => values.map((v) => Math.round(v * 1000) / 1000);
    const parts = gltf.nodes.flatMap((node) => {
      const mesh = node.mesh === undefined ? undefined : gltf.meshes[node.mesh];
      if (mesh === undefined) return [];
      const [own] = mesh.primitives;
      const positions = gltf.accessors[own?.attributes.POSITION ?? -1];
      return [
        {
          name: node.name,
          at: round(node.translation),
          from: round(positions?.min),
          to: round(positions?.max),
          materials: mesh.primitives.map((p) => gltf.materials[p.material]?.name),
          ...node.extras,
        },
      ];
    });
    await expect(`${parts.map((p) => JSON.stringify(p)).join('\n')}\n`).toMatchFileSnapshot(
      '../../golden/web-line/machine-model.jsonl',
    );
  });
});

it('gives every part of any layout a node with a material of its own', async () => {
  const id = fc.string({ minLength: 1, maxLength: 5 });
  const component = fc.record({
    kind: fc.constantFrom('unwinder', 'roller', 'dancer', 'nip', 'winder'),
    y: fc.double({ min: -2, max: 2, noNaN: true }),
    radiusM: fc.double({ min: 0.01, max: 1, noNaN: true }),
    web: fc.constantFrom('over', 'under'),
  });
  const anyLayout = fc
    .uniqueArray(id, { minLength: 2, maxLength: 6 })
    .chain((ids) => fc.tuple(fc.constant(ids), fc.array(component, { minLength: 6, maxLength: 6 })))
    .map(([ids, parts]) =>
      layoutSchema.parse({
        components: ids.map((name, i) => ({ ...parts[i], id: name, x: 2.5 * i })),
        spans: ids.slice(1).map((to, i) => ({ from: ids[i], to })),
      }),
    );
  await fc.assert(
    fc.asyncProperty(anyLayout, async (any) => {
      const glb = await createMachineModel(any);
      expect((await validateBytes(glb)).issues.messages).toEqual([]);
      const gltf = jsonOf(glb);
      const names = partNames(any);
      const expected = [
        ...any.components.map((c) => names.component(c.id)),
        ...any.spans.map((s) => names.span(s)),
      ];
      for (const name of expected) {
        expect(name).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(gltf.nodes.filter((n) => n.name === name)).toHaveLength(1);
        expect(gltf.materials.filter((m) => m.name === name)).toHaveLength(1);
      }
    }),
    { numRuns: 25 },
  );
});
