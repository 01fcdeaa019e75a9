import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CommandIo, nsToSeconds, systemClock } from '../shared/core/index.js';
import { loadAssetTwin } from '../shared/twin/definition/asset-twin.js';
import { type AssumedInput, assumeInputs } from '../shared/twin/definition/assumed-inputs.js';
import { loadTwin } from '../shared/twin/definition/twin.js';
import { createTwinModel } from '../shared/twin/model/twin-model.js';
import { assumptionFindings } from '../shared/twin/report/assumption-findings.js';
import { recordingFindings } from '../shared/twin/report/recording-findings.js';
import type { RecordingSummary } from '../shared/twin/report/recording-summary.js';
import { standingFindings } from '../shared/twin/report/standing.js';
import type { Finding } from '../shared/twin/report/verdict.js';
import { requireState } from '../shared/twin/state/state-store.js';
import type { CalibratorState, Twin, TwinModel } from '../shared/twin/types.js';
import type { CommandOption } from './command.js';
import {
  inputOption,
  lanesOf,
  lanesOption,
  parseInputs,
  stateAssetOption,
  stateOption,
  strictOption,
} from './options.js';

/** Options of every command that asks a calibrated twin what will happen. */
export const askOptions: readonly CommandOption[] = [
  stateOption,
  stateAssetOption,
  inputOption,
  strictOption,
  lanesOption,
];

/** A twin with the state that its last calibration left, and its inputs as they are. */
export interface AskedTwin {
  twin: Twin;
  model: TwinModel;
  state: CalibratorState;
  inputs: Record<string, number>;
  assumed: AssumedInput[];
  /** What the state was made of, and what was guessed: for the verdict. */
  recording: RecordingSummary;
  findings: Finding[];
}

/** Opens what the arguments of {@link askOptions} name, and closes the model when it has been used. */
export async function withAskedTwin<T>(
  args: Record<string, unknown>,
  io: CommandIo,
  use: (asked: AskedTwin) => Promise<T>,
): Promise<T> {
  const { twin, state } = await loadTwinAndState(args);
  const { inputs, assumed } = await assumeInputs(twin, parseInputs(args.input), state);
  const model = await createTwinModel(twin, { logger: io.logger, ...lanesOf(args) });
  try {
    const recording = ofState(state);
    const startValues = assumed.filter((a) => a.from !== 'the last sample').map((a) => a.variable);
    const findings = [
      ...recordingFindings(recording, []),
      ...assumptionFindings(twin, { startValues, wear: true }),
      ...(await standingFindings(
        twin,
        model,
        state,
        state.filter.inputs ??
          Float64Array.from(twin.definition.inputs, ({ variable }) => inputs[variable]!),
        io.signal,
      )),
    ];
    return await use({ twin, model, state, inputs, assumed, recording, findings });
  } finally {
    await model.close();
  }
}

/**
 * The twin that a command was called with, and its newest state: of `calibrate`, or of a worker.
 * `--asset` is the alias of a stream, or the asset's own id; `--state` may be a local stack's data
 * folder.
 */
export async function loadTwinAndState(
  args: Record<string, unknown>,
): Promise<{ twin: Twin; state: CalibratorState }> {
  const location = await stateLocation(String(args.state));
  const isId = typeof args.asset === 'string' && !args.asset.includes('/');
  const { twin, asset } = isId
    ? { twin: await loadTwin(String(args.twin)), asset: String(args.asset) }
    : await loadAssetTwin(args);
  return { twin, ...(await requireState(location, twin, asset)) };
}

/** Where states are: a local stack notes it in its data folder. */
async function stateLocation(location: string): Promise<string> {
  const noted = join(location, 'system.json');
  if (location.startsWith('s3://') || !existsSync(noted)) return location;
  const { store } = JSON.parse(await readFile(noted, 'utf8')) as { store?: unknown };
  return typeof store === 'string' ? store : location;
}

/** What a state was made of, as far as it tells. */
export function ofState({ sampleCount, timeNs }: CalibratorState): RecordingSummary {
  return {
    rows: sampleCount,
    used: sampleCount,
    skipped: {},
    unreadable: {},
    deadChannels: [],
    spanS: 0,
    periodS: null,
    ageS: timeNs > 0n ? nsToSeconds(systemClock.nowNs() - timeNs) : null,
  };
}
