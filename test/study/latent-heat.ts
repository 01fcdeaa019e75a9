import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { silentLogger } from '../../shared/core/index.js';
import { commission, createFitModel } from '../../shared/twin/fit/index.js';
import {
  createCalibrator,
  createTwinModel,
  type Estimate,
  parameterEstimates,
  type Twin,
} from '../../shared/twin/index.js';
import { createRefitter, runWithRefits } from '../../shared/twin/refit/index.js';
import { boxTwin } from '../support/real-machines.js';
import { hasCompiler } from '../unit/fmi/fixture-fmus.js';
import { PUBLISHED, simulateBoxWithHeat } from './real-box.js';

/**
 * How far an unknown heat is found by fits and by the filter: `npm run study:latent-heat`. The heated
 * box of the laboratory's values under its thermostat, in its air a heat that nobody measures.
 */
const { values: given } = parseArgs({
  options: {
    seeds: { type: 'string', default: '8' },
    rows: { type: 'string', default: '554' },
    fits: { type: 'boolean', default: false },
  },
});
const seeds = Number(given.seeds);
const rows = Number(given.rows);
if (
  !hasCompiler ||
  !(Number.isInteger(seeds) && seeds > 0 && Number.isInteger(rows) && rows > 60)
) {
  console.error(
    'Usage: npm run study:latent-heat -- [--seeds N] [--rows N] [--fits]; needs a C compiler',
  );
  process.exit(2);
}
const HEAT = { std: 0.5, timeConstantS: 1200 };
const NAME = 'disturbance(Q_other)';
/** Share of a record that a filter may still be finding its way in. */
const SETTLING = 0.25;

const twinWith = (declared: boolean): Twin =>
  boxTwin({
    simulation: { mode: 'transient', interface: 'cs', stepSizeS: 12 },
    ...(declared ? { disturbances: [{ on: 'Q_other', ...HEAT }] } : {}),
  });

class Count {
  #inside = 0;
  #of = 0;
  #width = 0;
  add(e: Estimate | undefined, truth: number): void {
    if (e === undefined) return;
    this.#of++;
    this.#width += e.upper95 - e.lower95;
    if (e.lower95 <= truth && truth <= e.upper95) this.#inside++;
  }
  text(): string {
    if (this.#of === 0) return '';
    return `${((100 * this.#inside) / this.#of).toFixed(0)} % (${(this.#width / this.#of).toPrecision(3)})`;
  }
}

const row = (cells: readonly (string | number)[]) => console.log(`| ${cells.join(' | ')} |`);
console.log(
  `Measured by \`npm run study:latent-heat -- --seeds ${seeds} --rows ${rows}\` on ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.version}: share inside the 95 % band, in brackets its mean width.\n`,
);
const head = [
  'heat, declared',
  ...Object.keys(PUBLISHED),
  'heat',
  'verdicts',
  'NIS',
  'events',
  'alarms',
];
row(head);
row(head.map(() => '---'));
for (const heat of [HEAT, undefined]) {
  for (const declared of [true, false]) {
    const twin = twinWith(declared);
    const options = { lanes: 2, logger: silentLogger };
    const fitModel = await createFitModel(twin, options);
    const model = await createTwinModel(twin, options);
    const of = { fit: new Map<string, Count>(), calibrate: new Map<string, Count>() };
    const count = (into: Map<string, Count>, name: string) => {
      const found = into.get(name) ?? new Count();
      into.set(name, found);
      return found;
    };
    const grades: string[] = [];
    let nis = 0;
    let steps = 0;
    let events = 0;
    let alarms = 0;
    try {
      for (let seed = 1; seed <= seeds; seed++) {
        const truth = { title: '', ...(heat === undefined ? {} : { heat }) };
        const { samples, heats } = simulateBoxWithHeat(truth, seed, rows);
        const { output } = await commission(twin, fitModel, samples);
        grades.push(output.verdict.grade);
        for (const [name, value] of Object.entries(PUBLISHED)) {
          count(of.fit, name).add(output.parameters[name], value);
        }
        for (const at of output.disturbances[NAME]?.course ?? []) {
          const k = Math.min(heats.length - 1, Math.round(at.timeS / 12));
          count(of.fit, 'heat').add(at, heat === undefined ? 0 : heats[k]!);
        }
        if (given.fits === true) continue;
        const calibrator = createCalibrator({ twin, model });
        const refitter = createRefitter(calibrator, fitModel, model)!;
        const start = calibrator.initialState(samples.slice(0, 200));
        const run = await runWithRefits(calibrator, refitter, start, samples);
        let since: number | undefined;
        run.steps.slice(Math.round(SETTLING * rows)).forEach((step) => {
          if (step.eventSinceS !== undefined && step.eventSinceS !== since) events++;
          since = step.eventSinceS;
          const k = Math.round(step.timeS / 12);
          count(of.calibrate, 'heat').add(
            step.virtualSensors[NAME],
            heat === undefined ? 0 : heats[k]!,
          );
          if (step.alarms.some((a) => a.code === 'disturbance')) alarms++;
          if (!Number.isFinite(step.nis)) return;
          nis += step.nis / step.channels;
          steps++;
        });
        for (const [name, value] of Object.entries(PUBLISHED)) {
          count(of.calibrate, name).add(parameterEstimates(twin, run.state)[name], value);
        }
      }
    } finally {
      await fitModel.close();
      await model.close();
    }
    const title = `${heat === undefined ? 'none' : `${heat.std} W, ${heat.timeConstantS} s`}, ${declared ? 'yes' : 'no'}`;
    const cells = (from: Map<string, Count>) =>
      [...Object.keys(PUBLISHED), 'heat'].map((name) => from.get(name)?.text() ?? '');
    const tally = ['good', 'care', 'unusable'].map((g) => grades.filter((x) => x === g).length);
    row([`fit: ${title}`, ...cells(of.fit), tally.join(' / '), '', '', '']);
    if (given.fits !== true) {
      row([
        `calibrate: ${title}`,
        ...cells(of.calibrate),
        '',
        (nis / steps).toFixed(2),
        events,
        alarms,
      ]);
    }
  }
}
