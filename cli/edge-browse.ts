import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { type SignalsOfNodes, signalsOfNodes } from '../edge-component/sources/browsed-signals.js';
import type { AddressSpace, BrowsedNode } from '../edge-component/sources/opcua-browse.js';
import {
  edgeSchema,
  loadConfig,
  type OpcuaSourceConfig,
  parseConfig,
} from '../shared/config/index.js';
import {
  type CommandIo,
  printJson,
  printLine,
  TwinError,
  unknownNames,
} from '../shared/core/index.js';
import type { Command } from './command.js';
import { positiveNumber, wholeNumber } from './options.js';

/** `edge browse`: what a device has, as a tree or as signals for the config. */
export const edgeBrowse: Command = {
  name: 'edge browse',
  summary: "List what is in a device's address space (OPC UA), as signals for the config too",
  arguments: [
    {
      name: '<source>',
      description: 'URL of an OPC UA server, or with --config the name of a source in it',
    },
  ],
  options: [
    { flags: '--config <file>', description: 'config of the edge component, for keys and users' },
    {
      flags: '--match <pattern>',
      description: 'only variables whose path fits: part of it, or a pattern with * and ?',
    },
    { flags: '--yaml', description: 'print a config with a signal for each variable' },
    { flags: '--prefix <text>', description: 'before each alias, with --yaml', default: '' },
    {
      flags: '--max <count>',
      description: 'nodes at most',
      default: 20_000,
      parse: wholeNumber('--max', 1, 1_000_000),
    },
    {
      flags: '--depth <levels>',
      description: 'levels at most',
      default: 30,
      parse: wholeNumber('--depth', 1, 1000),
    },
    {
      flags: '--timeout <s>',
      description: 'for all of it',
      default: 120,
      parse: positiveNumber('--timeout'),
    },
  ],
  examples: [
    'twinloop edge browse opc.tcp://192.168.1.20:4840 --match "Line1*speed"',
    'twinloop edge browse plc --config edge.yaml --yaml --prefix /line1 > signals.yaml',
  ],
  run: async (args, io) => {
    if (args.yaml === true && args.json === true) {
      throw new TwinError('USAGE', '--yaml and --json were both given: expected one of them.');
    }
    const { source, baseDir, pkiDir, remove } = await findSource(args);
    const timeoutS = Number(args.timeout);
    const timeout = AbortSignal.timeout(timeoutS * 1000);
    let space: AddressSpace;
    try {
      const { browseSource } = await import('../edge-component/sources/opcua-browse.js');
      space = await browseSource(source, {
        baseDir,
        pkiDir,
        logger: io.logger,
        maxNodes: Number(args.max),
        maxDepth: Number(args.depth),
        signal: AbortSignal.any([io.signal, timeout]),
      });
    } catch (error) {
      if (!timeout.aborted) throw error;
      throw new TwinError(
        'NETWORK',
        `${source.endpointUrl} was not browsed within ${timeoutS} s: allow more with --timeout, or look at less with --depth.`,
        { cause: error },
      );
    } finally {
      await remove();
    }
    const matches = matcher(args.match === undefined ? undefined : String(args.match));
    const variables = space.nodes.filter((n) => n.variable && !n.property);
    const chosen = variables.filter((n) => matches(pathOf(n)));
    if (chosen.length === 0 && variables.length > 0) throw noMatch(String(args.match), variables);
    const made = signalsOfNodes(chosen, String(args.prefix ?? ''));
    if (args.json === true) printJson(io.stdout, summary(source, space, chosen, made));
    else if (args.yaml === true)
      io.stdout.write(configText(source, made, summary(source, space, chosen, made)));
    else for (const line of treeLines(chosen)) printLine(io.stdout, line);
    if (args.json !== true) tellRest(source, space, chosen, made, io, args.yaml === true);
    return isComplete(space) ? 0 : 1;
  },
};

function noMatch(pattern: string, variables: readonly BrowsedNode[]): TwinError {
  const some = variables.slice(0, 3).map(pathOf);
  return new TwinError(
    'USAGE',
    `None of ${variables.length} variables fits --match "${pattern}": expected a part of a path, such as ${some.join(', ')}.`,
  );
}

function isComplete(space: AddressSpace): boolean {
  return space.incomplete === undefined && Object.keys(space.failed).length === 0;
}

/** The source that is meant, and where its keys are. */
async function findSource(args: Record<string, unknown>): Promise<{
  source: OpcuaSourceConfig;
  baseDir: string;
  pkiDir: string;
  remove: () => Promise<void>;
}> {
  const name = String(args.source);
  if (args.config === undefined) {
    if (!name.startsWith('opc.tcp://')) {
      throw new TwinError(
        'USAGE',
        `The source is "${name}": expected the URL of an OPC UA server (opc.tcp://host:port), or the name of a source together with --config.`,
      );
    }
    const signals = [{ nodeId: 'i=2258', alias: '/none' }];
    const sources = [{ name: 'server', type: 'opcua', endpointUrl: name, signals }];
    const source = parseConfig(edgeSchema, { sources }, 'the command line').sources[0];
    // Keys that are of no use afterwards: without a config, connections are not secured.
    const folder = await mkdtemp(join(tmpdir(), 'twinloop-browse-'));
    return {
      source: source as OpcuaSourceConfig,
      baseDir: process.cwd(),
      pkiDir: folder,
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  }
  const path = resolve(String(args.config));
  const config = await loadConfig(edgeSchema, path, 'edge config');
  const source = config.sources.find((s) => s.name === name);
  if (source === undefined) {
    const names = config.sources.map((s) => s.name);
    throw new TwinError(
      'USAGE',
      `The source is ${unknownNames([name], names)}: expected one of ${names.join(', ')}.`,
    );
  }
  if (source.type !== 'opcua') {
    throw new TwinError(
      'USAGE',
      `The source "${name}" is of type ${source.type}, which has no address space to browse: expected one of type opcua.`,
    );
  }
  const baseDir = dirname(path);
  const pkiDir = join(resolve(baseDir, config.dataDir), 'pki');
  return { source, baseDir, pkiDir, remove: async () => {} };
}

/** Whether a path has a text in it, or fits a pattern with `*` and `?`; case does not matter. */
function matcher(pattern: string | undefined): (path: string) => boolean {
  if (pattern === undefined) return () => true;
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  const expression = new RegExp(escaped.replaceAll('*', '.*').replaceAll('?', '.'), 'is');
  return (path) => expression.test(path);
}

function pathOf(node: BrowsedNode): string {
  return `/${node.path.join('/')}`;
}

function* treeLines(nodes: readonly BrowsedNode[]): Generator<string> {
  let last: readonly string[] = [];
  // Siblings together, though the search went level by level.
  const sorted = [...nodes].sort((a, b) => comparePaths(a.path, b.path));
  for (const node of sorted) {
    let common = 0;
    while (common < node.path.length - 1 && last[common] === node.path[common]) common++;
    for (let depth = common; depth < node.path.length - 1; depth++) {
      yield `${'  '.repeat(depth)}${node.path[depth]}`;
    }
    yield `${'  '.repeat(node.path.length - 1)}${node.path.at(-1)}${describe(node)}  ${node.nodeId}`;
    last = node.path;
  }
}

function comparePaths(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = (a[i] ?? '').localeCompare(b[i] ?? '', 'en', { numeric: true });
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Longest value that is shown. */
const MAX_SHOWN = 40;

function describe({ type, sizes, value, unit, unreadable }: BrowsedNode): string {
  const size = sizes === undefined ? '' : `[${sizes.join('×')}]`;
  const parts = [`  ${type ?? ''}${size}`];
  if (unreadable !== undefined) parts.push(`(${unreadable})`);
  else if (value !== undefined && value !== null) {
    // Control characters would move the cursor of a terminal.
    const text = String(value).replaceAll(/\p{Cc}/gu, '·');
    parts.push(`= ${text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text}`);
    if (unit !== undefined) parts.push(unit);
  }
  return parts.join(' ');
}

function summary(
  source: OpcuaSourceConfig,
  space: AddressSpace,
  chosen: readonly BrowsedNode[],
  made: SignalsOfNodes,
) {
  return {
    endpointUrl: source.endpointUrl,
    complete: isComplete(space),
    incomplete: space.incomplete,
    nodes: space.nodes.length,
    repeated: space.repeated,
    failed: space.failed,
    variables: chosen.map((n) => ({
      path: pathOf(n),
      nodeId: n.nodeId,
      type: n.type,
      sizes: n.sizes,
      value: n.value,
      unit: n.unit,
      unreadable: n.unreadable,
    })),
    signals: made.signals,
    left: made.left,
  };
}

/** A config of its own with one source; what has no signal is told in comments. */
function configText(
  { name, endpointUrl }: OpcuaSourceConfig,
  { signals, left }: SignalsOfNodes,
  { complete }: { complete: boolean },
): string {
  const lines = [
    `# ${signals.length} variables of ${endpointUrl}${complete ? '' : ', NOT ALL OF IT'}`,
  ];
  for (const { path, reason } of left)
    lines.push(`# without a signal: ${path.replaceAll(/\p{Cc}/gu, '·')} (${reason})`);
  const config = { sources: [{ name, type: 'opcua', endpointUrl, signals }] };
  return `${lines.join('\n')}\n${stringify(config, { lineWidth: 0 })}`;
}

/** What the list does not show: on stderr where stdout is a file for the config. */
function tellRest(
  source: OpcuaSourceConfig,
  space: AddressSpace,
  chosen: readonly BrowsedNode[],
  made: SignalsOfNodes,
  io: CommandIo,
  aside: boolean,
): void {
  const out = aside ? io.stderr : io.stdout;
  printLine(
    out,
    `${chosen.length} variables, ${space.nodes.length} nodes, of ${source.endpointUrl}`,
  );
  if (space.repeated > 0) {
    printLine(out, `${space.repeated} references led to nodes that are listed elsewhere.`);
  }
  if (made.left.length > 0) {
    printLine(
      out,
      `${made.left.length} variables can't be signals: ${counted(made.left.map((l) => l.reason))}`,
    );
  }
  for (const [reason, count] of Object.entries(space.failed)) {
    printLine(io.stderr, `Incomplete: the children of ${count} nodes were not told (${reason}).`);
  }
  if (space.incomplete !== undefined) {
    printLine(io.stderr, `Incomplete: ${space.incomplete}. See --max and --depth.`);
  }
}

function counted(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ');
}
