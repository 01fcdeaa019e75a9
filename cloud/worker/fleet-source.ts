import { createHash } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, posix, resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import {
  type FleetAsset,
  type FleetConfig,
  fleetSchema,
  loadConfig,
  parseConfig,
  withAliasPrefix,
} from '../../shared/config/index.js';
import {
  type Closeable,
  ConfigError,
  makeScratch,
  messageOf,
  TwinError,
} from '../../shared/core/index.js';
import { getText, type ObjectStore } from '../../shared/store/index.js';
import { loadTwin, type Twin } from '../../shared/twin/index.js';

/** Where a fleet that was put into the store has its manifest. */
const FLEET_KEY = 'fleet/fleet.json';

/** A fleet with its twins, wherever they were read from. */
export interface FleetSource extends Closeable {
  fleet: FleetConfig;
  /**
   * A twin as the fleet names it, with the aliases that its definition has.
   *
   * @throws TwinError when the definition or its FMU is missing or wrong
   */
  twin(name: string): Promise<Twin>;
}

/**
 * The fleet that a command names: a file, a single twin, or the one in the store.
 *
 * @throws TwinError `USAGE` when it names none, or two; as the three below
 */
export function openFleet(
  named: {
    fleet?: string | undefined;
    twin?: string | undefined;
    asset?: readonly string[] | undefined;
  },
  store: ObjectStore | undefined,
): Promise<FleetSource> {
  if (named.fleet !== undefined && named.twin !== undefined) {
    throw new TwinError(
      'USAGE',
      'Name a fleet with --fleet or a single twin with --twin, not both.',
    );
  }
  const { asset = [] } = named;
  if (named.twin !== undefined && asset.length > 1) {
    throw new TwinError(
      'USAGE',
      `--asset names ${asset.join(', ')}: expected one external id with --twin; name several assets in a fleet, by --fleet.`,
    );
  }
  if (named.fleet !== undefined) return fleetFromFile(named.fleet);
  if (named.twin !== undefined) return fleetFromTwin(named.twin, asset[0]);
  if (store !== undefined) return fleetFromStore(store);
  throw new TwinError(
    'USAGE',
    'No fleet: name one with --fleet, a single twin with --twin, or a store that holds one with --store.',
  );
}

/** A fleet from a file beside its twins. @throws TwinError, ConfigError */
export async function fleetFromFile(path: string): Promise<FleetSource> {
  const fleet = await loadConfig(fleetSchema, path, 'fleet');
  return {
    fleet,
    twin: once((name) => loadTwin(resolve(dirname(resolve(path)), twinPath(fleet, name)))),
    close: () => Promise.resolve(),
  };
}

/**
 * A fleet from the store: its manifest under {@link FLEET_KEY}, twins relative to it. What a run
 * needs of them is put into a temporary folder until `close`.
 *
 * @throws TwinError `NOT_FOUND` without a manifest; ConfigError
 */
async function fleetFromStore(store: ObjectStore): Promise<FleetSource> {
  const text = await getText(store, FLEET_KEY);
  if (text === undefined) {
    throw new TwinError(
      'NOT_FOUND',
      `The store has no ${FLEET_KEY}: copy the fleet file there with its twins and FMUs beside it, or name a file with --fleet or --twin.`,
    );
  }
  const fleet = parseConfig(fleetSchema, parseText(text, FLEET_KEY), FLEET_KEY);
  const folder = makeScratch('fleet');
  const fetchTwin = async (name: string): Promise<Twin> => {
    const twinKey = posix.join(posix.dirname(FLEET_KEY), twinPath(fleet, name));
    const definition = await getText(store, twinKey);
    if (definition === undefined) throw missing(twinKey, `the twin ${name}`);
    const parsed = parseText(definition, twinKey) as { fmu?: unknown; picture?: unknown };
    const { fmu } = parsed;
    const local = join(folder, createHash('sha256').update(twinKey).digest('hex').slice(0, 12));
    await mkdir(local);
    if (typeof fmu === 'string') {
      const fmuKey = posix.join(posix.dirname(twinKey), fmu);
      const archive = await store.get(fmuKey);
      if (archive === undefined) throw missing(fmuKey, `the FMU of the twin ${name}`);
      await writeFile(join(local, 'twin.fmu'), archive.body);
      const picture = await pictureFrom(store, twinKey, parsed.picture, local);
      const moved = { ...parsed, fmu: './twin.fmu', picture };
      await writeFile(join(local, 'twin.json'), JSON.stringify(moved));
    } else await writeFile(join(local, 'twin.json'), definition);
    return loadTwin(join(local, 'twin.json'));
  };
  return {
    fleet,
    twin: once(fetchTwin),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/**
 * The picture of a twin in the store, its drawing or model put beside the definition. Without that file the
 * page draws its overview: no calibration stops for a picture.
 */
async function pictureFrom(
  store: ObjectStore,
  twinKey: string,
  picture: unknown,
  local: string,
): Promise<unknown> {
  for (const kind of ['svg', 'glb'] as const) {
    const path = (picture as { svg?: unknown; glb?: unknown } | undefined)?.[kind];
    if (typeof path !== 'string') continue;
    const file = await store.get(posix.join(posix.dirname(twinKey), path));
    if (file === undefined) return undefined;
    await writeFile(join(local, `picture.${kind}`), file.body);
    return { ...(picture as object), [kind]: `./picture.${kind}` };
  }
  return picture;
}

/** A fleet of the one asset that a twin definition describes. @throws TwinError, ConfigError */
async function fleetFromTwin(path: string, assetId?: string): Promise<FleetSource> {
  const twin = await loadTwin(path);
  const { name } = twin.definition;
  return {
    fleet: parseConfig(
      fleetSchema,
      {
        name: name.toLowerCase().replaceAll('_', '-').slice(0, 40),
        twins: { [name]: path },
        assets: [{ id: assetId ?? name, twin: name }],
      },
      assetId === undefined ? path : `The fleet of ${path} and --asset ${assetId}`,
    ),
    twin: () => Promise.resolve(twin),
    close: () => Promise.resolve(),
  };
}

/**
 * The twin of one asset: its own aliases. Assets without a prefix share those of the definition, and with
 * them what follows from the definition, as the fingerprint of a state.
 */
export function twinOfAsset(twin: Twin, asset: FleetAsset): Twin {
  return {
    ...twin,
    definition:
      asset.aliasPrefix === undefined
        ? twin.definition
        : withAliasPrefix(twin.definition, asset.aliasPrefix),
  };
}

function twinPath(fleet: FleetConfig, name: string): string {
  const path = fleet.twins[name];
  if (path === undefined) throw new TwinError('NOT_FOUND', `The fleet has no twin "${name}".`);
  return path;
}

function missing(key: string, what: string): TwinError {
  return new TwinError(
    'NOT_FOUND',
    `The store has no ${key} (${what}): copy it there, at the path that the fleet names.`,
  );
}

function parseText(text: string, source: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    throw new ConfigError(source, [
      { path: '', message: `not readable as JSON or YAML: ${messageOf(error).split('\n')[0]}` },
    ]);
  }
}

/** Reads each twin once, also when several assets ask at a time; a fault is told to each. */
function once(load: (name: string) => Promise<Twin>): (name: string) => Promise<Twin> {
  const loaded = new Map<string, Promise<Twin>>();
  return (name) => {
    let twin = loaded.get(name);
    if (twin === undefined) {
      twin = load(name);
      loaded.set(name, twin);
    }
    return twin;
  };
}
