import { printJson, printLine } from '../shared/core/index.js';
import { openStore } from '../shared/store/index.js';
import { loadAssetTwin } from '../shared/twin/definition/asset-twin.js';
import { conflictError, listStates, restoreState } from '../shared/twin/state/state-store.js';
import type { Command } from './command.js';
import { stateAssetOption, stateOption, toNumber, twinArgument } from './options.js';

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
    const entries = await listStates(
      openStore(String(args.state)),
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
    else if (described.length === 0) printLine(io.stdout, `No states of "${asset}" are kept.`);
    for (const e of args.json === true ? [] : described) {
      const when = e.problem ?? e.watermark ?? `at ${e.timeS} s`;
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
        `The next run goes on from the state after ${count} samples, ${timeS} s.`,
      );
    }
    return 0;
  },
};

/** Commands about saved states. */
export const stateCommands: readonly Command[] = [stateList, stateRestore];
