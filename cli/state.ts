import { existsSync } from 'node:fs';
import { type CommandIo, printJson, printLine, TwinError } from '../shared/core/index.js';
import { isFolder, openStore } from '../shared/store/index.js';
import { loadAssetTwin, twinOfAsset } from '../shared/twin/definition/asset-twin.js';
import { loadTwin, versionOf } from '../shared/twin/definition/twin.js';
import { instantText } from '../shared/twin/report/time-axis.js';
import { type MigratedState, migrateStates } from '../shared/twin/state/migrate-states.js';
import { conflictError, listStates, restoreState } from '../shared/twin/state/state-store.js';
import type { Command } from './command.js';
import { numberIn, stateAssetOption, stateOption, toNumber, twinArgument } from './options.js';

const fleetOption = {
  flags: '--fleet <name>',
  description: "whose worker keeps the state; default: found by the asset's name",
};

/** `state list`: which states are kept. */
const stateList: Command = {
  name: 'state list',
  summary: 'List the states that are kept of a twin',
  arguments: [twinArgument],
  options: [stateOption, stateAssetOption, fleetOption],
  examples: ['twinloop state list twin.json --state states'],
  async run(args, io) {
    const { twin, asset } = await loadAssetTwin(args);
    const location = String(args.state);
    if (isFolder(location) && !existsSync(location)) {
      throw new TwinError(
        'FILE_NOT_FOUND',
        `No folder of states at ${location}: check the path of --state, or run \`twinloop calibrate\` with it first.`,
      );
    }
    const entries = await listStates(
      openStore(location),
      twin,
      asset,
      args.fleet as string | undefined,
    );
    const described = entries.map(({ state, ...entry }) => ({
      ...entry,
      ...(state === undefined ? {} : { timeS: state.timeS }),
      ...(state === undefined || state.timeNs === 0n
        ? {}
        : { watermark: new Date(Number(state.timeNs / 1_000_000n)).toISOString() }),
    }));
    if (args.json === true) printJson(io.stdout, described);
    else if (described.length === 0) {
      printLine(
        io.stdout,
        `No states of "${asset}" are kept in ${location}; a state of another asset is named with --asset.`,
      );
    }
    for (const e of args.json === true ? [] : described) {
      const when =
        e.problem ??
        e.watermark ??
        `at ${e.timeS === undefined ? 'no time' : instantText(e.timeS)}`;
      printLine(
        io.stdout,
        `${String(e.sampleCount).padStart(12)} samples  ${String(e.bytes).padStart(7)} bytes  ${when}${e.latest ? '  (latest)' : e.abandoned ? '  (left by a restore)' : ''}`,
      );
    }
    return 0;
  },
};

/** `state restore`: go on from an earlier state. */
const stateRestore: Command = {
  name: 'state restore',
  summary: 'Make an earlier state the newest again',
  arguments: [
    twinArgument,
    { name: '<samples>', description: 'which one, by its number of samples in `state list`' },
  ],
  options: [stateOption, stateAssetOption, fleetOption],
  examples: ['twinloop state restore twin.json 1200 --state states'],
  async run(args, io) {
    const { twin, asset } = await loadAssetTwin(args);
    const count = toNumber('<samples>', String(args.samples), { whole: true, from: 0 });
    let timeS: number;
    try {
      ({ timeS } = await restoreState(
        openStore(String(args.state)),
        twin,
        count,
        asset,
        args.fleet as string | undefined,
      ));
    } catch (error) {
      throw (error as { code?: unknown }).code === 'CONFLICT' ? conflictError(error) : error;
    }
    if (args.json === true) printJson(io.stdout, { restored: count, timeS });
    else {
      printLine(
        io.stdout,
        `The next run goes on from the state after ${count} samples, ${instantText(timeS)}.`,
      );
    }
    return 0;
  },
};

/** `new=old` pairs, by the new name. @throws TwinError `USAGE` */
function renamedOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [now, before, ...more] = pair.split('=');
      if (!now || !before || more.length > 0) {
        throw new TwinError('USAGE', `--rename is "${pair}": expected NEW=OLD, two parameters.`);
      }
      return [now, before];
    }),
  );
}

const few = (value: number) => Number(value.toPrecision(4));

/** What became of a state, line by line. */
function tellMigrated(io: CommandIo, entry: MigratedState): void {
  const line = (text: string) => printLine(io.stdout, text);
  const head = `${entry.key}  after ${entry.samples} samples`;
  const outcomes: Record<MigratedState['outcome'], string> = {
    failed: `not migrated. ${entry.problem}`,
    current: `of version ${entry.to} already`,
    migrated: `migrated, ${entry.from} → ${entry.to}`,
    'put-back': `put back, ${entry.from} → ${entry.to}`,
  };
  line(`${head}: ${outcomes[entry.outcome]}`);
  const { kept = [], fromPrior = [], removed = [], noiseAnew = [] } = entry.migration ?? {};
  for (const p of kept) {
    const from = p.from === undefined ? '' : `, was ${p.from}`;
    line(`  ${p.variable}${from}: ${few(p.mean)} ± ${few(p.std)} (± ${few(p.stdBefore)} before)`);
  }
  for (const p of fromPrior) {
    line(`  ${p.variable}: begins at its prior, ${few(p.mean)} ± ${few(p.std)}: ${p.reason}`);
  }
  for (const p of removed) line(`  ${p.variable}: removed, was ${few(p.mean)} ± ${few(p.std)}`);
  if (noiseAnew.length > 0) line(`  noise begins anew: ${noiseAnew.join(', ')}`);
  if (entry.lost) line(`  ${entry.lost} states of its history could not be read and are left out`);
}

/** The id that a state is kept under: that of `calibrate` for an alias, as it is for a worker's. */
function assetIdOf(twin: Parameters<typeof twinOfAsset>[0], asset: string): string {
  return asset.includes('/') ? twinOfAsset(twin, asset).asset : asset;
}

/** `state migrate`: go on with another version of the twin. */
const stateMigrate: Command = {
  name: 'state migrate',
  summary: 'Bring saved states to the present version of their twin',
  arguments: [twinArgument],
  options: [
    stateOption,
    {
      flags: '--asset <id>',
      description: 'only the state of this asset; default: all of this twin',
    },
    { flags: '--fleet <name>', description: 'only the states of this fleet' },
    {
      flags: '--from <twin>',
      description: 'the definition that the states are of, where the store does not keep it',
    },
    {
      flags: '--widen <factor>',
      description: 'on the standard deviations of what is taken over',
      default: 2,
      parse: numberIn('--widen', { from: 1 }),
    },
    { flags: '--rename <new=old...>', description: 'parameters that have another name now' },
    { flags: '--put-back', description: 'go back to the state that this version was left with' },
    { flags: '--dry-run', description: 'say what would become of each state, and write nothing' },
  ],
  examples: [
    'twinloop state migrate twin.json --state s3://my-bucket --dry-run',
    'twinloop state migrate twin.json --state states --rename friction=b1',
  ],
  async run(args, io) {
    const twin = await loadTwin(String(args.twin));
    const renamed = renamedOf((args.rename as string[] | undefined) ?? []);
    for (const name of Object.keys(renamed)) {
      if (twin.definition.parameters.some((p) => p.variable === name)) continue;
      throw new TwinError('USAGE', `--rename names ${name}, which is no parameter of the twin.`);
    }
    const entries = await migrateStates(openStore(String(args.state)), twin, {
      widen: Number(args.widen),
      renamed,
      dryRun: args.dryRun === true,
      putBack: args.putBack === true,
      ...(typeof args.asset === 'string' ? { asset: assetIdOf(twin, args.asset) } : {}),
      ...(typeof args.fleet === 'string' ? { fleet: args.fleet } : {}),
      ...(typeof args.from === 'string' ? { from: await loadTwin(args.from) } : {}),
    });
    if (args.json === true)
      printJson(io.stdout, { version: versionOf(twin.hash), states: entries });
    else for (const entry of entries) tellMigrated(io, entry);
    if (entries.length === 0) {
      throw new TwinError(
        'NOT_FOUND',
        `No state of "${twin.definition.name}" is in ${String(args.state)}: there is nothing to migrate.`,
      );
    }
    return entries.some((e) => e.outcome === 'failed') ? 1 : 0;
  },
};

/** Commands about saved states. */
export const stateCommands: readonly Command[] = [stateList, stateRestore, stateMigrate];
