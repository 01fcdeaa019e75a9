import { createRequire } from 'node:module';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildScene, TWIN_COMPONENT } from '../../../cloud/scene/build-scene.js';
import type { SceneComponent, SceneDocument } from '../../../cloud/scene/scene-document.js';
import { createSceneFiles } from '../../../cloud/scene/scene-files.js';
import { colourRule, tagRule } from '../../../cloud/scene/scene-rules.js';
import {
  loadConfig,
  type TwinDefinition,
  twinSchema,
  twinStreams,
} from '../../../shared/config/index.js';
import { packageFile } from '../../../shared/core/index.js';

/** What TwinMaker's viewer reads rules with; it comes without types. */
const jexl = createRequire(import.meta.url)('jexl') as {
  evalSync(expression: string, values: Record<string, number>): unknown;
};

/** The target of the first statement that holds, as the viewer finds it. */
function targetOf(
  rule: { statements: { expression: string; target: string }[] } | undefined,
  values: Record<string, number>,
): string | undefined {
  return rule?.statements.find((s) => jexl.evalSync(s.expression, values))?.target.split(':')[1];
}

let twin: TwinDefinition;
let scene: SceneDocument;
let gltf: { nodes: { name: string; translation?: number[] }[] };
beforeAll(async () => {
  twin = await loadConfig(twinSchema, packageFile('shared/twins/web-line/twin.json'), 'twin');
  const made = await createSceneFiles('web-line', twin, 'line1');
  const glb = made?.files.get('web-line.glb') as Uint8Array;
  scene = JSON.parse(Buffer.from(made?.files.get('web-line.json') ?? '').toString());
  const length = new DataView(glb.buffer, glb.byteOffset).getUint32(12, true);
  gltf = JSON.parse(Buffer.from(glb.subarray(20, 20 + length)).toString());
});

function componentsOf<T extends SceneComponent['type']>(type: T): (SceneComponent & { type: T })[] {
  return scene.nodes.flatMap((n) =>
    n.components.filter((c): c is SceneComponent & { type: T } => c.type === type),
  );
}

describe('the scene of the web line', () => {
  it('is the one that was reviewed', async () => {
    await expect(`${JSON.stringify(scene, null, 2)}\n`).toMatchFileSnapshot(
      '../../golden/web-line/scene.json',
    );
  });

  it('refers to nothing that is not there', () => {
    const children = scene.nodes.flatMap((n) => n.children ?? []);
    const all = [...scene.rootNodeIndexes, ...children].sort((a, b) => a - b);
    expect(all).toEqual(scene.nodes.map((_, i) => i));
    const ruled = [...componentsOf('Tag'), ...componentsOf('ModelShader')];
    const used = ruled.flatMap((c) => c.ruleBasedMapId ?? []);
    expect(new Set(used)).toEqual(new Set(Object.keys(scene.rules)));
    for (const { cameraIndex } of componentsOf('Camera')) {
      expect(scene.cameras[cameraIndex]).toBeDefined();
    }
    expect(componentsOf('ModelRef')).toEqual([expect.objectContaining({ uri: 'web-line.glb' })]);
  });

  it('leaves the model’s parts where they are', () => {
    for (const node of scene.nodes) {
      const part = node.components.find((c) => c.type === 'SubModelRef');
      if (part?.type !== 'SubModelRef') continue;
      const inModel = gltf.nodes.find((n) => n.name === part.selector);
      expect([part.selector, inModel?.translation ?? [0, 0, 0]]).toEqual([
        part.selector,
        node.transform.position,
      ]);
    }
    expect(componentsOf('SubModelRef').length).toBeGreaterThan(9);
  });

  it('binds tags to streams of the twin, by its entity’s one component', () => {
    const streams = new Set(twinStreams(twin).map((s) => s.name));
    const bindings = [
      ...[...componentsOf('Tag'), ...componentsOf('ModelShader')].map((c) => c.valueDataBinding),
      ...componentsOf('DataOverlay').flatMap((c) =>
        c.valueDataBindings.map((b) => b.valueDataBinding),
      ),
    ];
    for (const { dataBindingContext: b } of bindings) {
      expect(streams).toContain(b.propertyName);
      expect([b.entityId, b.componentName]).toEqual([`\${sel_entity}`, TWIN_COMPONENT]);
    }
    expect(scene.properties.dataBindingConfig.template).toEqual({ sel_entity: 'line1' });
    // Nine rollers and thirteen spans.
    expect(componentsOf('Tag')).toHaveLength(22);
    for (const name of streams) {
      if (/^b\d+(_lower|_upper)?$/.test(name)) {
        expect(bindings.some((b) => b.dataBindingContext.propertyName === name)).toBe(true);
      }
    }
  });

  it('raises a tag when the limit is passed for sure', () => {
    expect(scene.rules['tag b9']?.statements).toEqual([
      { expression: 'b9_lower > 0.1', target: 'iottwinmaker.common.icon:Error' },
      { expression: 'true', target: 'iottwinmaker.common.icon:Info' },
    ]);
  });
});

it('leaves out what TwinMaker cannot name, and says so; draws nothing without a layout', () => {
  const odd = structuredClone(twin);
  const [parameter] = odd.parameters;
  const roller = odd.layout?.components.find((c) => c.drag === parameter?.variable);
  if (parameter === undefined || roller === undefined) throw new Error('The twin has changed');
  parameter.variable = 'bearing[1].drag';
  roller.drag = 'bearing[1].drag';
  const options = { modelUri: 'm.glb', entityId: 'e' };
  const built = buildScene(odd, options);
  expect(built?.skipped).toEqual(['bearing[1].drag']);
  expect(JSON.stringify(built?.document)).not.toContain('bearing[1]');
  const { layout: _, ...flat } = twin;
  expect(buildScene(flat, options)).toBeUndefined();
});

describe('rules, as the viewer reads them', () => {
  it('colour by thirds of the way to a limit', () => {
    const limited = { variable: 'k', alarm: { above: 3e-9 } };
    const rule = colourRule(limited, true);
    const colours = [0, 1.5e-9, 2.5e-9, 3.5e-9].map((k) => targetOf(rule, { k }));
    expect(new Set(colours).size).toBe(4);
    // A tension is never far from its limit, and is well all the same.
    const calm = targetOf(rule, { k: 0 });
    expect(targetOf(colourRule(limited, false), { k: 2.5e-9 })).toBe(calm);
    expect(colourRule({ variable: 'k' }, true)).toBeUndefined();
  });

  it('raise a tag exactly where the alarm is: the whole band beyond a limit', () => {
    const number = fc
      .oneof(
        fc.double({ min: -1e25, max: 1e25, noNaN: true }),
        fc.double({ min: -1e-6, max: 1e-6, noNaN: true }),
      )
      .map((v) => (Math.abs(v) < 1e-80 ? 0 : v));
    fc.assert(
      fc.property(number, number, number, (limit, a, b) => {
        const values = { k_lower: Math.min(a, b), k_upper: Math.max(a, b) };
        const icon = (alarm: { above?: number; below?: number }) =>
          targetOf(tagRule({ variable: 'k', alarm }), values);
        expect(icon({ above: limit })).toBe(values.k_lower > limit ? 'Error' : 'Info');
        expect(icon({ below: limit })).toBe(values.k_upper < limit ? 'Error' : 'Info');
      }),
    );
  });
});
