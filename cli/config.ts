import type { z } from 'zod';
import { deploymentSchema } from '../shared/config/deployment.js';
import { edgeSchema } from '../shared/config/edge.js';
import { EDGE_EXAMPLE } from '../shared/config/edge-example.js';
import { fleetSchema } from '../shared/config/fleet.js';
import { loadConfig, toJsonSchema } from '../shared/config/load.js';
import { sampleConfig } from '../shared/config/sample.js';
import { stackSchema } from '../shared/config/stack.js';
import { twinSchema } from '../shared/config/twin.js';
import { TWIN_EXAMPLE } from '../shared/config/twin-example.js';
import { printJson, printLine } from '../shared/core/index.js';
import type { Command } from './command.js';
import { oneOf } from './options.js';

/** A file that users write. */
export interface ConfigKind {
  /** e.g. `twin` */
  name: string;
  /** What it is, in a sentence. */
  description: string;
  schema: z.ZodType;
  /** A small one that is valid. */
  example: Readonly<Record<string, unknown>>;
}

/** Every file that users write. */
export const CONFIG_KINDS: readonly ConfigKind[] = [
  {
    name: 'twin',
    description: 'A twin definition: what ties an FMU to a machine.',
    schema: twinSchema,
    example: TWIN_EXAMPLE,
  },
  {
    name: 'edge',
    description: 'Config of the edge component: from devices to SiteWise.',
    schema: edgeSchema,
    example: EDGE_EXAMPLE,
  },
  {
    name: 'stack',
    description: 'Config of the local stack, for `twinloop up --config`.',
    schema: stackSchema,
    example: { timeScale: 3600, seed: 1, ports: { monitor: 8080 } },
  },
  {
    name: 'fleet',
    description: 'A fleet: which machines there are, which twin each one is.',
    schema: fleetSchema,
    example: {
      name: 'pumps',
      twins: { pump: './pump/twin.json' },
      assets: [{ id: 'pump-7', twin: 'pump', aliasPrefix: '/hall/pump7' }],
    },
  },
  {
    name: 'deployment',
    description: 'What the CDK app deploys.',
    schema: deploymentSchema,
    example: {
      name: 'twinloop',
      fleet: './fleet.json',
      schedule: { everyMinutes: 20 },
      compute: { type: 'fargate', vcpu: 1, memoryMiB: 2048 },
      edge: { thingGroup: 'twinloop-gateways' },
    },
  },
];

function commandsFor(kinds: readonly ConfigKind[]): readonly Command[] {
  const names = kinds.map((k) => k.name).join(', ');
  const kindOf = (name: unknown): ConfigKind => {
    const known = kinds.map((k) => k.name);
    const wanted = oneOf('<kind>', known)(String(name));
    return kinds[known.indexOf(wanted)] as ConfigKind;
  };
  const argument = { name: '<kind>', description: `one of ${names}` };
  return [
    {
      name: 'config schema',
      summary: 'Print the JSON Schema of a config file, for editors',
      arguments: [argument],
      run: (args, io) => {
        printJson(io.stdout, toJsonSchema(kindOf(args.kind).schema));
        return Promise.resolve(0);
      },
    },
    {
      name: 'config sample',
      summary: 'Print a config file to start from, with every option explained',
      arguments: [argument],
      run: (args, io) => {
        const kind = kindOf(args.kind);
        if (args.json === true) printJson(io.stdout, kind.example);
        else {
          io.stdout.write(sampleConfig(kind.schema, kind.example, kind.description));
        }
        return Promise.resolve(0);
      },
    },
    {
      name: 'config validate',
      summary: 'Check a config file and list every problem it has',
      arguments: [argument, { name: '<file>', description: 'the file, JSON or YAML' }],
      examples: ['twinloop config validate twin my-machine/twin.json'],
      run: async (args, io) => {
        const kind = kindOf(args.kind);
        const path = String(args.file);
        await loadConfig(kind.schema, path, `${kind.name} config`);
        if (args.json === true) printJson(io.stdout, { valid: true });
        else printLine(io.stdout, `${path} is a valid ${kind.name} config.`);
        return 0;
      },
    },
  ];
}

/** `config schema|sample|validate`, for every file that users write. */
export const configCommands: readonly Command[] = commandsFor(CONFIG_KINDS);
