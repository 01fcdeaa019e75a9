import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { parseDeployedConfig } from '../../../edge-component/greengrass/deployed-config.js';
import { edgeRecipe, edgeRecipeYaml } from '../../../edge-component/greengrass/recipe.js';
import {
  EDGE_EXAMPLE,
  edgeSchema,
  parseConfig,
  sampleConfig,
  toJsonSchema,
} from '../../../shared/config/index.js';
import { packageFile, packageVersion } from '../../../shared/core/index.js';
import { mergeConfiguration, scalarsAsText } from '../../../simulators/greengrass/configuration.js';

const file = packageFile('recipes/com.twinloop.Edge.yaml');

describe('the recipe', () => {
  it('is what the schema generates (else: npm run build:recipe)', () => {
    expect(readFileSync(file, 'utf8')).toBe(edgeRecipeYaml(packageVersion()));
    const schema = JSON.parse(
      readFileSync(packageFile('recipes/edge-config.schema.json'), 'utf8'),
    ) as object;
    expect(schema).toEqual({ ...toJsonSchema(edgeSchema), title: "Twinloop's edge component" });
  });

  it('is built as the GDK expects of a custom build', () => {
    const gdk = JSON.parse(readFileSync(packageFile('gdk-config.json'), 'utf8'));
    const { scripts } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8'));
    expect(Object.keys(gdk).sort()).toEqual(['component', 'gdk_version']);
    expect(gdk.gdk_version).toMatch(/^\d+\.\d+\.\d+$/);
    // One component a project, and its name that of the recipe.
    expect(Object.keys(gdk.component)).toEqual([edgeRecipe('1.0.0').ComponentName]);
    const [component] = Object.values(gdk.component) as [Record<string, unknown>];
    expect(Object.keys(component).sort()).toEqual(['author', 'build', 'publish', 'version']);
    expect(component.version).toMatch(/^(NEXT_PATCH|\d+\.\d+\.\d+)$/);
    expect(component.build).toEqual({
      build_system: 'custom',
      custom_build_command: ['npm', 'run', 'build:component'],
    });
    expect(scripts['build:component']).toBe('node scripts/build-component.mjs');
    expect(component.publish).toEqual({
      bucket: expect.stringMatching(/^[a-z0-9.-]{3,63}$/),
      region: expect.stringMatching(/^[a-z]{2}(-[a-z]+)+-\d$/),
    });
    // The GDK looks for the recipe of a custom build at the root, and refuses artifacts that it cannot replace.
    const root = parseYaml(readFileSync(packageFile('recipe.yaml'), 'utf8'));
    expect(root.ComponentName).toBe(edgeRecipe('1.0.0').ComponentName);
  });

  it('keeps the rules of the classic nucleus and the stricter ones of nucleus lite', () => {
    const text = readFileSync(file, 'utf8');
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(16_384);
    const recipe = parseYaml(text) as ReturnType<typeof edgeRecipe>;
    expect(recipe.RecipeFormatVersion).toBe('2020-01-25');
    // Readers of YAML 1.1, as Greengrass's tools are, would take a bare date for a date.
    expect(parseYaml(text, { version: '1.1' })).toEqual(recipe);
    expect(recipe.ComponentVersion).toMatch(/^\d+\.\d+\.\d+$/);
    expect(Object.keys(recipe).sort()).toEqual([
      'ComponentConfiguration',
      'ComponentDependencies',
      'ComponentDescription',
      'ComponentName',
      'ComponentPublisher',
      'ComponentType',
      'ComponentVersion',
      'Manifests',
      'RecipeFormatVersion',
    ]);
    for (const manifest of recipe.Manifests) {
      expect(Object.keys(manifest).sort()).toEqual(['Artifacts', 'Lifecycle', 'Name', 'Platform']);
      expect(['amd64', 'aarch64']).toContain(manifest.Platform.architecture);
      expect(['*', 'aws_nucleus_lite']).toContain(manifest.Platform.runtime);
      // Lite knows neither shutdown nor recover nor Skipif, and its keys are case-sensitive.
      expect(Object.keys(manifest.Lifecycle)).toEqual(['run']);
      for (const artifact of manifest.Artifacts) {
        expect(Object.keys(artifact).sort()).toEqual(['Permission', 'Unarchive', 'Uri']);
        expect(artifact.Unarchive).toMatch(/^(ZIP|NONE)$/);
        expect(artifact.Permission).toEqual({ Read: 'ALL', Execute: 'NONE' });
        expect(artifact.Uri).toMatch(/^s3:\/\/BUCKET_NAME\/COMPONENT_NAME\/COMPONENT_VERSION\//);
      }
    }
    const control = recipe.ComponentConfiguration.DefaultConfiguration.accessControl as Record<
      string,
      Record<string, { operations: string[]; resources: string[] }>
    >;
    expect(Buffer.byteLength(JSON.stringify(control))).toBeLessThanOrEqual(4096);
    // Just what the component calls, on just its topics.
    const policies = Object.values(control['aws.greengrass.ipc.pubsub'] ?? {});
    expect(policies.map((p) => [p.operations, p.resources])).toEqual([
      [['aws.greengrass#PublishToTopic'], ['twinloop/edge/status']],
      [['aws.greengrass#SubscribeToTopic'], ['twinloop/edge/commands']],
    ]);
  });

  it('comes back from nucleus lite, where scalars are text, as it was', () => {
    const configuration = edgeRecipe('1.2.3').ComponentConfiguration.DefaultConfiguration;
    expect(parseDeployedConfig(scalarsAsText(configuration))).toEqual(edgeSchema.parse({}));
    const sources = [
      {
        name: 's',
        type: 'csv',
        file: 'f',
        repeat: true,
        signals: [{ column: 'c', alias: '/a', scale: 0.5, range: { min: -1 } }],
      },
    ];
    expect(parseDeployedConfig(scalarsAsText({ edge: { sources } }))).toEqual(
      edgeSchema.parse({ sources }),
    );
  });
});

describe('a deployment', () => {
  it('may change the type of publisher: what a merge leaves of the former one does not disturb', () => {
    const { edge } = edgeRecipe('1.2.3').ComponentConfiguration.DefaultConfiguration;
    const merged = mergeConfiguration(
      { edge },
      { edge: { publisher: { type: 'sitewise', region: 'eu-west-1' } } },
    );
    expect(parseDeployedConfig(merged).publisher).toEqual(
      edgeSchema.parse({ publisher: { type: 'sitewise', region: 'eu-west-1' } }).publisher,
    );
    const misspelt = mergeConfiguration(merged, { edge: { publisher: { regoin: 'eu-west-1' } } });
    expect(() => parseDeployedConfig(misspelt)).toThrow(/regoin/);
  });
});

describe('the config', () => {
  it('has a sample that is valid', () => {
    const config = parseConfig(
      edgeSchema,
      parseYaml(sampleConfig(edgeSchema, EDGE_EXAMPLE, 'Edge')),
      'sample',
    );
    expect(config.sources.map((s) => s.type)).toEqual(['opcua', 'modbus', 'mqtt']);
  });

  it('names every mistake with its path', () => {
    const wrong = {
      sources: [
        { name: 'a', type: 'opcua', endpointUrl: 'opc.tcp://x', signals: [{ alias: '/q' }] },
        {
          name: 'a',
          type: 'modbus',
          host: '',
          signals: [{ alias: '/q', address: 70_000, type: 'float16' }],
        },
      ],
      outbox: { maxMb: -1, unknown: 1 },
      publisher: { type: 'sitewise-edge', url: 'http://broker' },
    };
    expect(() => parseConfig(edgeSchema, wrong, 'edge.json')).toThrowError(
      expect.objectContaining({
        problems: expect.arrayContaining(
          [
            'sources[0].signals[0]',
            'sources[1].host',
            'sources[1].signals[0].address',
            'sources[1].signals[0].type',
            'outbox.maxMb',
            'outbox',
            'publisher.url',
          ].map((path) => expect.objectContaining({ path })),
        ),
      }),
    );
  });
});
