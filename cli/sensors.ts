import {
  type CommandIo,
  printJson,
  printLine,
  TwinError,
  writeUserFile,
} from '../shared/core/index.js';
import { renderBarChart } from '../shared/plot/index.js';
import { loadAssetTwin } from '../shared/twin/definition/asset-twin.js';
import { assumedLines, assumeInputs } from '../shared/twin/definition/assumed-inputs.js';
import {
  type OperatingPoint,
  operatingInputs,
  priorPoint,
  type Slopes,
  slopesAt,
  wornPoints,
} from '../shared/twin/identifiability/operating-points.js';
import {
  ASSUMED_NOISE,
  candidatesOf,
  sensorOptions,
  thatRest,
  withSensors,
} from '../shared/twin/identifiability/sensor-candidates.js';
import {
  type RankedSensor,
  rankSensors,
  type SensorOption,
  type SensorRanking,
} from '../shared/twin/identifiability/sensor-ranking.js';
import { createTwinModel } from '../shared/twin/model/twin-model.js';
import { assumptionFindings } from '../shared/twin/report/assumption-findings.js';
import { recordingFindings } from '../shared/twin/report/recording-findings.js';
import {
  type Finding,
  verdictExitCode,
  verdictLines,
  verdictOf,
} from '../shared/twin/report/verdict.js';
import type { CalibratorState, Twin, TwinModel } from '../shared/twin/types.js';
import { askOptions, loadTwinAndState, ofState } from './asked-twin.js';
import type { Command } from './command.js';
import { lanesOf, parseInputs, stateOption, twinArgument } from './options.js';
import { progressBar } from './progress.js';

function parseCandidates(texts: unknown): SensorOption[] {
  return (Array.isArray(texts) ? (texts as string[]) : []).map((text) => {
    // Names of variables may hold colons themselves: the figures are the last.
    const match = /^(.+?):([^:]+)(?::([^:]+))?$/.exec(text);
    const [, variable = '', noise = '', cost] = match ?? [];
    const bad = (value: string) => !(Number(value) > 0 && Number.isFinite(Number(value)));
    if (variable === '' || bad(noise) || (cost !== undefined && bad(cost))) {
      throw new TwinError(
        'USAGE',
        `--candidate is "${text}": expected VARIABLE:NOISE_STD or VARIABLE:NOISE_STD:COST, figures above 0.`,
      );
    }
    return {
      variable,
      existing: false,
      noiseStd: Number(noise),
      ...(cost === undefined ? {} : { cost: Number(cost) }),
    };
  });
}

function pointsOf(twin: Twin, state: CalibratorState | undefined): OperatingPoint[] {
  if (state === undefined) return [priorPoint(twin), ...wornPoints(twin)];
  const n = twin.definition.parameters.length;
  return [{ name: 'calibrated state', parameters: state.filter.x.slice(0, n) }];
}

const largestStd = (std: Record<string, number>) => {
  const [name, value] = Object.entries(std).reduce((a, b) => (b[1] > a[1] ? b : a));
  return `largest std ${value.toPrecision(3)} (${name})`;
};

function rankedLine(s: RankedSensor, i: number): string {
  const cost =
    s.cost === undefined ? '' : `, cost ${s.cost}: ${s.gainPerCost!.toPrecision(3)} per unit`;
  return `  ${String(i + 1).padStart(3)} ${s.variable.padEnd(28)} ${s.existing ? 'there    ' : 'candidate'} ± ${s.noiseStd.toPrecision(3)}  +${s.gain.toFixed(2)}${cost}; ${largestStd(s.std)}`;
}

function printRanking(ranking: SensorRanking, assumed: boolean, io: CommandIo): void {
  const line = (text: string) => printLine(io.stdout, text);
  line(`${ranking.twin}: sensors by what they add to log det of the Fisher information of one`);
  line(
    `sample, mean of ${ranking.points.length} operating points (${ranking.points[0]}${ranking.points.length > 1 ? ', each parameter alone worn' : ''}).`,
  );
  if (assumed) {
    line(
      `No candidates are named: every other output of the FMU stands for one, its noise taken for ${ASSUMED_NOISE} of its size. Name those that can be had, with their true noise.`,
    );
  }
  for (const f of ranking.failed)
    line(`  left out, the model does not run at ${f.point}: ${f.error}`);
  line('');
  line('From nothing:');
  ranking.ranking.forEach((s, i) => void line(rankedLine(s, i)));
  line('');
  line(`What to buy next (now ${largestStd(ranking.std.existing)}):`);
  if (ranking.additions.length === 0) line('  no candidates');
  ranking.additions.forEach((s, i) => void line(rankedLine(s, i)));
  line('');
  line('What each existing sensor contributes (loss when it is removed):');
  for (const s of ranking.existing) {
    line(`      ${s.variable.padEnd(28)} −${s.loss.toFixed(2)}; then ${largestStd(s.stdWithout)}`);
  }
}

/** Slopes at the operating points, and where the model does not run. */
async function probe(
  twin: Twin,
  model: TwinModel,
  points: readonly OperatingPoint[],
  inputs: Float64Array,
  io: CommandIo,
): Promise<{ slopes: Slopes[]; failed: { point: string; error: string }[] }> {
  const bar = progressBar(io, 'Probing', 'operating points');
  const slopes: Slopes[] = [];
  const failed: { point: string; error: string }[] = [];
  try {
    bar.start(points.length);
    for (const point of points) {
      const found = await slopesAt(twin, model, point, inputs, io.signal);
      if ('error' in found) failed.push({ point: point.name, error: found.error });
      else slopes.push(found);
      bar.update(slopes.length + failed.length);
    }
  } finally {
    bar.stop();
  }
  return { slopes, failed };
}

function meritOf(by: unknown, options: readonly SensorOption[]): 'gain' | 'gain-per-cost' {
  if (by !== 'gain-per-cost') return 'gain';
  const costless = options.filter((o) => o.cost === undefined).map((o) => o.variable);
  if (costless.length > 0) {
    throw new TwinError(
      'USAGE',
      `--by gain-per-cost needs the cost of every sensor: ${costless.join(', ')} have none. Give each a \`cost\` in the definition, or by --candidate NAME:NOISE:COST.`,
    );
  }
  return by;
}

const barsOf = (ranking: SensorRanking): Promise<string> =>
  renderBarChart({
    title: `${ranking.twin}: what each sensor adds, in greedy order`,
    valueLabel: 'gain in log det of the Fisher information',
    groups: ['there', 'candidate'],
    bars: ranking.ranking.map((s) => ({
      name: s.variable,
      value: s.gain,
      group: s.existing ? 0 : 1,
    })),
  });

/** What the ranking does not say, or takes for granted. */
function rankingFindings(
  { definition }: Twin,
  found: {
    failed: readonly { point: string }[];
    restless: readonly string[];
    still: readonly string[];
    assumed: readonly string[];
  },
): Finding[] {
  const reasons = [
    ...found.failed.map((f) => `the model does not run at ${f.point}, which is left out`),
    ...(definition.simulation.mode === 'transient'
      ? [
          'the ranking is for states of rest; what moves tells more, as `twinloop twin check` says for a course',
        ]
      : []),
    ...found.restless.map(
      (variable) => `${variable} never rests, so nothing is said about it as a sensor`,
    ),
    ...found.still.map(
      (variable) =>
        `${variable} is 0 at the operating points, so no noise could be assumed, and is left out: give inputs by --input at which it is not`,
    ),
    ...(found.assumed.length === 0
      ? []
      : [
          `the candidates' noise is assumed, ${ASSUMED_NOISE} of their size: name candidates with their noise`,
        ]),
  ];
  return reasons.map((reason) => ({ grade: 'care', reason }));
}

/** `sensors`: which sensors are worth having. */
export const sensorsCommand: Command = {
  name: 'sensors',
  summary: 'Rank existing and candidate sensors by what they tell about the parameters',
  arguments: [twinArgument],
  options: [
    {
      flags: '--candidate <sensor...>',
      description:
        'sensors that might be bought, beside the definition’s `candidates`: VARIABLE:NOISE_STD or VARIABLE:NOISE_STD:COST',
    },
    {
      flags: '--state <store>',
      description: 'rank at the calibrated state kept there; default: at the prior and worn',
    },
    {
      flags: '--by <merit>',
      description: 'what the order maximises',
      choices: ['gain', 'gain-per-cost'],
      default: 'gain',
    },
    { flags: '--plot <svg>', writes: 'file', endings: ['.svg'], description: 'the gains as bars' },
    ...askOptions.filter((option) => option !== stateOption),
  ],
  examples: [
    'twinloop sensors twin.json --candidate S4_Tension_N:0.5:1200 S9_Tension_N:0.5:1200',
    'twinloop sensors twin.json --state states --json',
  ],
  async run(args, io) {
    const stored = typeof args.state === 'string' ? await loadTwinAndState(args) : undefined;
    const { twin } = stored ?? (await loadAssetTwin(args));
    const { inputs: values, assumed: assumedInputs } = await assumeInputs(
      twin,
      parseInputs(args.input),
      stored?.state,
    );
    const inputs = operatingInputs(twin, values);
    const runs = { logger: io.logger, signal: io.signal, ...lanesOf(args) };
    const candidates = await candidatesOf(twin, parseCandidates(args.candidate));
    const { named } = candidates;
    const { rests: assumed, restless } = await thatRest(twin, candidates.assumed, inputs, runs);
    const extra = [...named.map((c) => c.variable), ...assumed];
    const model = await createTwinModel(withSensors(twin, extra), runs);
    const points = pointsOf(twin, stored?.state);
    const { slopes, failed } = await probe(twin, model, points, inputs, io).finally(() =>
      model.close(),
    );
    if (slopes.length === 0) {
      throw new TwinError('NUMERIC', `The model runs at no operating point: ${failed[0]!.error}`);
    }
    const { options, still } = await sensorOptions(
      twin,
      { named, assumed },
      inputs,
      model.outputs,
      slopes,
    );
    const ranking: SensorRanking = {
      ...rankSensors(twin, slopes, model.outputs, options, meritOf(args.by, options)),
      failed,
    };
    if (typeof args.plot === 'string') await writeUserFile(args.plot, await barsOf(ranking));
    const recording = stored === undefined ? undefined : ofState(stored.state);
    const verdict = verdictOf([
      ...(recording === undefined ? [] : recordingFindings(recording, [])),
      ...assumptionFindings(twin, {
        startValues: assumedInputs
          .filter((a) => a.from !== 'the last sample')
          .map((a) => a.variable),
        wear: false,
      }),
      ...rankingFindings(twin, { failed, restless, still, assumed }),
    ]);
    if (args.json === true) {
      printJson(io.stdout, {
        ...ranking,
        assumed: assumedInputs,
        summary: { recording: recording ?? null, verdict },
      });
    } else {
      printRanking(ranking, assumed.length > 0, io);
      for (const line of [...assumedLines(assumedInputs), ...verdictLines(verdict)]) {
        printLine(io.stdout, line);
      }
    }
    return verdictExitCode(verdict, args.strict === true);
  },
};
