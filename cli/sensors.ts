import {
  type CommandIo,
  printJson,
  printLine,
  TwinError,
  writeUserFile,
} from '../shared/core/index.js';
import { openFmu } from '../shared/fmi/index.js';
import { renderBarChart } from '../shared/plot/index.js';
import { loadAssetTwin } from '../shared/twin/definition/asset-twin.js';
import { assumedLines, assumeInputs } from '../shared/twin/definition/assumed-inputs.js';
import { initialNoise } from '../shared/twin/filter/noise.js';
import {
  type OperatingPoint,
  operatingInputs,
  priorPoint,
  type Slopes,
  slopesAt,
  wornPoints,
} from '../shared/twin/identifiability/operating-points.js';
import {
  type RankedSensor,
  rankSensors,
  type SensorOption,
  type SensorRanking,
} from '../shared/twin/identifiability/sensor-ranking.js';
import { createTwinModel } from '../shared/twin/model/twin-model.js';
import {
  assumptionFindings,
  type Finding,
  recordingFindings,
  verdictExitCode,
  verdictLines,
  verdictOf,
} from '../shared/twin/report/verdict.js';
import type { CalibratorState, Twin } from '../shared/twin/types.js';
import { askOptions, loadTwinAndState, ofState } from './asked-twin.js';
import type { Command } from './command.js';
import { lanesOf, parseInputs, stateOption, twinArgument } from './options.js';
import { progressBar } from './progress.js';

/** Noise that is assumed for an output without a stated one: this share of its largest size. */
const ASSUMED_NOISE = 1e-3;

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

/** Candidates that are named; all other outputs of the FMU where none is. */
async function namedCandidates(
  twin: Twin,
  flags: readonly SensorOption[],
): Promise<{
  named: SensorOption[];
  assumed: string[];
}> {
  const { definition } = twin;
  const measured = new Set(definition.measured.map((m) => m.variable));
  const given = definition.candidates.map(({ variable, noiseStd, cost }) => ({
    variable,
    existing: false,
    noiseStd,
    ...(cost === undefined ? {} : { cost }),
  }));
  const byName = new Map([...given, ...flags].map((c) => [c.variable, c]));
  const twice = [...byName.keys()].filter((name) => measured.has(name));
  if (twice.length > 0) {
    throw new TwinError(
      'CONFIG_INVALID',
      `${twice.join(', ')} is measured already: a candidate is a sensor that is not there yet.`,
    );
  }
  if (byName.size > 0) return { named: [...byName.values()], assumed: [] };
  const { modelDescription } = await openFmu(twin.fmuPath);
  const assumed = modelDescription.variables
    .filter((v) => v.causality === 'output' && /^(Float|Real)/.test(v.type))
    .filter((v) => v.dimensions.length === 0 && !measured.has(v.name))
    .map((v) => v.name);
  return { named: [], assumed };
}

/** Nominal values of variables that have one. */
async function nominalValues(
  twin: Twin,
  variables: readonly string[],
): Promise<Record<string, number>> {
  const { modelDescription } = await openFmu(twin.fmuPath);
  return Object.fromEntries(
    modelDescription.variables.flatMap((v) =>
      variables.includes(v.name) && v.nominal !== undefined ? [[v.name, v.nominal]] : [],
    ),
  );
}

/**
 * Parts the outputs that nobody named into those that come to rest and those that do not, as an angle
 * that turns: one of these would keep all others from an answer. Looked for only where there are any.
 */
async function thatRest(
  twin: Twin,
  assumed: readonly string[],
  inputs: Float64Array,
  io: CommandIo,
  options: { lanes?: number },
): Promise<{ rests: string[]; restless: string[] }> {
  const prior = priorPoint(twin).parameters;
  const rest = async (variables: readonly string[]): Promise<boolean> => {
    const { definition } = twin;
    const added = variables
      .filter((v) => !definition.virtualSensors.some((s) => s.variable === v))
      .map((variable) => ({ variable, alias: `candidate:${variable}`, unit: '' }));
    const model = await createTwinModel(
      {
        ...twin,
        definition: {
          ...definition,
          virtualSensors: [...definition.virtualSensors, ...added],
        },
      },
      { logger: io.logger, ...options },
    );
    try {
      const [found] = await model.evaluate([prior], inputs, io.signal);
      return found instanceof Float64Array;
    } finally {
      await model.close();
    }
  };
  const restless: string[] = [];
  const part = async (variables: readonly string[]): Promise<string[]> => {
    if (variables.length === 0 || (await rest(variables))) return [...variables];
    const half = variables.length >> 1;
    if (half === 0) {
      restless.push(...variables);
      return [];
    }
    return [...(await part(variables.slice(0, half))), ...(await part(variables.slice(half)))];
  };
  // Where the sensors themselves do not rest, that is what has to be said.
  if (assumed.length === 0 || !(await rest([]))) return { rests: [...assumed], restless };
  return { rests: await part(assumed), restless };
}

function pointsOf(twin: Twin, state: CalibratorState | undefined): OperatingPoint[] {
  if (state === undefined) return [priorPoint(twin), ...wornPoints(twin)];
  const n = twin.definition.parameters.length;
  return [{ name: 'calibrated state', parameters: state.filter.x.slice(0, n) }];
}

/** A size below this share of a variable's nominal value is rounding. */
const ROUNDING = 1e-9;

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
    const { definition } = twin;
    const { inputs: values, assumed: assumedInputs } = await assumeInputs(
      twin,
      parseInputs(args.input),
      stored?.state,
    );
    const inputs = operatingInputs(twin, values);
    const candidates = await namedCandidates(twin, parseCandidates(args.candidate));
    const { named } = candidates;
    const { rests: assumed, restless } = await thatRest(
      twin,
      candidates.assumed,
      inputs,
      io,
      lanesOf(args),
    );
    const points = pointsOf(twin, stored?.state);
    const extra = [...named.map((c) => c.variable), ...assumed].filter(
      (v) => !definition.virtualSensors.some((s) => s.variable === v),
    );
    const model = await createTwinModel(
      {
        ...twin,
        definition: {
          ...definition,
          virtualSensors: [
            ...definition.virtualSensors,
            ...extra.map((variable) => ({ variable, alias: `candidate:${variable}`, unit: '' })),
          ],
        },
      },
      { logger: io.logger, ...lanesOf(args) },
    );
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
      await model.close();
    }
    const [first] = slopes;
    if (first === undefined) {
      throw new TwinError('NUMERIC', `The model runs at no operating point: ${failed[0]!.error}`);
    }
    const measured = first.outputs.slice(0, definition.measured.length);
    const noise = initialNoise(definition, [{ timeS: 0, inputs, measured }]);
    const size = (variable: string) => {
      const o = model.outputs.indexOf(variable);
      return Math.max(...slopes.map((s) => Math.abs(s.outputs[o]!)));
    };
    const nominal = await nominalValues(twin, assumed);
    const isThere = (variable: string) => size(variable) > ROUNDING * (nominal[variable] ?? 1);
    const still = assumed.filter((variable) => !isThere(variable));
    const options: SensorOption[] = [
      ...definition.measured.map(({ variable, cost }, i) => ({
        variable,
        existing: true,
        noiseStd: noise[i]!,
        ...(cost === undefined ? {} : { cost }),
      })),
      ...named,
      ...assumed.filter(isThere).map((variable) => ({
        variable,
        existing: false,
        noiseStd: ASSUMED_NOISE * size(variable),
      })),
    ];
    const costless = options.filter((o) => o.cost === undefined).map((o) => o.variable);
    if (args.by === 'gain-per-cost' && costless.length > 0) {
      throw new TwinError(
        'USAGE',
        `--by gain-per-cost needs the cost of every sensor: ${costless.join(', ')} have none. Give each a \`cost\` in the definition, or by --candidate NAME:NOISE:COST.`,
      );
    }
    const by = args.by === 'gain-per-cost' ? 'gain-per-cost' : 'gain';
    const ranking: SensorRanking = {
      ...rankSensors(twin, slopes, model.outputs, options, by),
      failed,
    };
    if (typeof args.plot === 'string') {
      await writeUserFile(
        args.plot,
        await renderBarChart({
          title: `${ranking.twin}: what each sensor adds, in greedy order`,
          valueLabel: 'gain in log det of the Fisher information',
          groups: ['there', 'candidate'],
          bars: ranking.ranking.map((s) => ({
            name: s.variable,
            value: s.gain,
            group: s.existing ? 0 : 1,
          })),
        }),
      );
    }
    const recording = stored === undefined ? undefined : ofState(stored.state);
    const findings: Finding[] = [
      ...(recording === undefined ? [] : recordingFindings(recording, [])),
      ...assumptionFindings(twin, {
        startValues: assumedInputs
          .filter((a) => a.from !== 'the last sample')
          .map((a) => a.variable),
        wear: false,
      }),
      ...failed.map((f) => ({
        grade: 'care' as const,
        reason: `the model does not run at ${f.point}, which is left out`,
      })),
      ...(definition.simulation.mode === 'transient'
        ? [
            {
              grade: 'care' as const,
              reason:
                'the ranking is for states of rest; what moves tells more, as `twinloop twin check` says for a course',
            },
          ]
        : []),
      ...restless.map((variable) => ({
        grade: 'care' as const,
        reason: `${variable} never rests, so nothing is said about it as a sensor`,
      })),
      ...still.map((variable) => ({
        grade: 'care' as const,
        reason: `${variable} is 0 at the operating points, so no noise could be assumed, and is left out: give inputs by --input at which it is not`,
      })),
      ...(assumed.length === 0
        ? []
        : [
            {
              grade: 'care' as const,
              reason: `the candidates' noise is assumed, ${ASSUMED_NOISE} of their size: name candidates with their noise`,
            },
          ]),
    ];
    const verdict = verdictOf(findings);
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
