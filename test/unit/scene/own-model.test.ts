import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeFleetFolder } from '../../../cloud/deploy/fleet-folder.js';
import { createSceneFiles } from '../../../cloud/scene/scene-files.js';
import { pictureSchema, type TwinDefinition } from '../../../shared/config/index.js';
import { readOwnModel } from '../../../shared/scene/index.js';
import { withDrawing } from '../../../shared/twin/definition/picture-file.js';
import { ownModel } from '../../support/own-model.js';
import { lineTwin } from '../page/growing-drag.js';

/** Khronos' own validator of glTF; it comes without types. */
const { validateBytes } = createRequire(import.meta.url)('gltf-validator') as {
  validateBytes(bytes: Uint8Array): Promise<{
    issues: { messages: { severity: number; message: string }[] };
  }>;
};

const folder = mkdtempSync(join(tmpdir(), 'twinloop-model-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const definition = join(folder, 'twin.yaml');

const BIND = [
  { element: 'tank.1', variable: 'S4_Tension_N', as: 'level', range: [0, 200] },
  { element: 'needle', variable: 'S4_Tension_N', as: 'rotation', range: [0, 200] },
  { element: 'lamp', variable: 'b9', as: 'colour' },
];

/** A picture of a file of these bytes. */
function withFile(bytes: Uint8Array, bind: readonly object[] = BIND) {
  writeFileSync(join(folder, 'machine.glb'), bytes);
  return withDrawing(pictureSchema.parse({ glb: './machine.glb', bind }), definition);
}

let model: Uint8Array;
beforeAll(async () => {
  model = await ownModel();
});

describe('a model of one’s own', () => {
  it('is taken whole, and is glTF by Khronos’ validator', async () => {
    const { issues } = await validateBytes(model);
    expect(issues.messages.filter((m) => m.severity === 0)).toEqual([]);
    const picture = await withFile(model);
    expect(Buffer.from(picture.glb ?? '', 'base64').equals(model)).toBe(true);
  });

  it('is refused by what is wrong with it', async () => {
    await expect(withFile(Buffer.from('solid cube'))).rejects.toThrow(/no binary glTF 2\.0.*\.glb/);
    await expect(withFile(model.subarray(0, -4))).rejects.toThrow(/bytes and says/);
    await expect(withFile(new Uint8Array(9 << 20))).rejects.toThrow(/9\.4 MB.*at most 8 MB/);
    const broken = Uint8Array.from(model);
    broken.fill(123, 20, 60);
    await expect(withFile(broken)).rejects.toThrow(/no binary glTF|broken/);
    await expect(
      withFile(changed((g) => ({ ...g, buffers: [{ uri: 'a.bin', byteLength: 4 }] }))),
    ).rejects.toThrow(/outside of the file \(a\.bin\)/);
    await expect(
      withFile(changed((g) => ({ ...g, extensionsRequired: ['KHR_draco_mesh_compression'] }))),
    ).rejects.toThrow(/without compression/);
  });

  it('has the nodes that are bound, once each', async () => {
    const bind = [{ element: 'pump', variable: 'b9', as: 'text' }];
    await expect(withFile(model, bind)).rejects.toThrow(
      /"pump", which no node of the model is called: its nodes are Line 1, tank\.1, needle, lamp/,
    );
    const twice = changed((g) => ({
      ...g,
      nodes: (g.nodes as { name: string }[]).map((n) => ({ ...n, name: 'lamp' })),
    }));
    await expect(withFile(twice, BIND.slice(2))).rejects.toThrow(/4 nodes of the model are called/);
    expect(() => pictureSchema.parse({ svg: 'a.svg', glb: 'a.glb' })).toThrow(/one of/);
    expect(() => pictureSchema.parse({ svg: 'a.svg', bind: [{ ...BIND[0], axis: 'x' }] })).toThrow(
      /axis|levels/,
    );
  });

  it('is where its nodes say', async () => {
    const { nodes, bounds } = await readOwnModel(model);
    expect(nodes.get('needle')?.rotation[2]).toBeCloseTo(Math.PI / 2, 6);
    expect(nodes.get('tank.1')?.above.map((v) => Number(v.toFixed(6)))).toEqual([-1, 1.5, 0]);
    expect(bounds.max[1]).toBeCloseTo(1.6, 6);
  });

  it('is in TwinMaker’s scene with a tag at each bound node, colours and rules', async () => {
    const twin: TwinDefinition = { ...lineTwin(false), picture: await withFile(model) };
    const made = await createSceneFiles('line', twin, 'line1');
    expect(Buffer.from(made?.files.get('line.glb') ?? '').equals(model)).toBe(true);
    const scene = JSON.parse(Buffer.from(made?.files.get('line.json') ?? '').toString());
    const named = (name: string, type: string) =>
      scene.nodes.find(
        (n: { name: string; components: { type: string }[] }) =>
          n.name === name && n.components[0]?.type === type,
      );
    for (const element of ['tank.1', 'needle', 'lamp']) expect(named(element, 'Tag')).toBeDefined();
    expect(named('lamp', 'SubModelRef')).toMatchObject({
      transform: { position: [1.2, 1, 0] },
      components: [{ selector: 'lamp' }, { ruleBasedMapId: 'colour b9' }],
    });
    expect(scene.rules['tag b9']).toBeDefined();
    const used = [
      ...scene.rootNodeIndexes,
      ...scene.nodes.flatMap((n: { children?: number[] }) => n.children ?? []),
    ];
    expect(used.sort((a, b) => a - b)).toEqual(scene.nodes.map((_: unknown, i: number) => i));
  });

  it('goes to the store beside its definition', async () => {
    const twin: TwinDefinition = { ...lineTwin(false), picture: await withFile(model) };
    const fmu = join(folder, 'model.fmu');
    writeFileSync(fmu, 'fmu');
    const fleet = { name: 'f', twins: { line: './x' }, assets: [] } as never;
    const laid = writeFleetFolder({
      fleet,
      twins: new Map([['line', twin]]),
      fmus: new Map([['line', fmu]]),
    });
    const again = await import('node:fs').then((fs) =>
      JSON.parse(fs.readFileSync(join(laid, 'twins/line/twin.json'), 'utf8')),
    );
    expect(again.picture.glb).toBe('./picture.glb');
    const read = await withDrawing(
      pictureSchema.parse(again.picture),
      join(laid, 'twins/line/twin.json'),
    );
    expect(read).toEqual(twin.picture);
    rmSync(laid, { recursive: true });
  });
});

/** The model with another JSON. */
function changed(change: (json: Record<string, unknown>) => object): Uint8Array {
  const view = new DataView(model.buffer, model.byteOffset, model.byteLength);
  const length = view.getUint32(12, true);
  const json = JSON.parse(Buffer.from(model.subarray(20, 20 + length)).toString());
  const text = JSON.stringify(change(json));
  const padded = Buffer.from(text.padEnd(Math.ceil(text.length / 4) * 4, ' '));
  const rest = model.subarray(20 + length);
  const head = Buffer.alloc(20);
  head.writeUInt32LE(0x46546c67, 0);
  head.writeUInt32LE(2, 4);
  head.writeUInt32LE(20 + padded.length + rest.length, 8);
  head.writeUInt32LE(padded.length, 12);
  head.writeUInt32LE(0x4e4f534a, 16);
  return Buffer.concat([head, padded, rest]);
}
