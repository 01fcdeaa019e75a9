import { statesNis } from '../../shared/twin/report/state-noise-alarm.js';
import { calibrateWithRefits } from '../support/calibrate-with-refits.js';
import { boxSamples, boxTwin, hasRecording } from '../support/real-machines.js';
import { hasCompiler } from '../unit/fmi/fixture-fmus.js';
import { count } from './common/options.js';
import { defineStudy, type Job } from './common/study.js';
import { markdown } from './common/table.js';
import { LID, scoreLid } from './real-lid.js';

const RECORD = 'incubator/lid-2021.csv';
/** Five significant places would pretend that they are known. */
const digits = (v: number) => v.toPrecision(3);

/** Events in the recording of a heated box whose lid is opened. */
export const study = defineStudy({
  name: 'study:lid',
  measures:
    'Events in the recording of a heated box whose lid is opened seven times: which openings are found, how soon, what else is called an event, and how far parameters move.',
  takes: 'about a minute; two for the whole recording (--rows 6472)',
  options: { rows: count('samples from the beginning', 3300, 100) },
  lacks: () =>
    hasCompiler && hasRecording(RECORD)
      ? undefined
      : 'study:lid needs a C compiler and the recording of the heated box of 2021.',
  jobs: ({ rows }): Job[] => [{ key: `lid-2021/${rows}` }],
  async run(_, { rows }) {
    const twin = boxTwin({ calibration: { refit: { windowS: 4200, everyS: 1e7 } } });
    const samples = boxSamples(RECORD, 't1').slice(0, rows);
    const run = await calibrateWithRefits(twin, samples);
    const { delaysS, others, moves } = scoreLid(run.steps);
    const states = statesNis(run.steps);
    const calm = run.steps.filter((s) => s.eventSinceS === undefined && Number.isFinite(s.nis));
    const { parameters, verdict } = run.newest!.output;
    return {
      endS: samples.at(-1)!.timeS,
      // JSON leaves out what is undefined.
      delaysS: delaysS.map((s) => s ?? Number.NaN),
      moves,
      others: others.map(({ sinceS, untilS }) => ({ sinceS, untilS: untilS ?? Number.NaN })),
      refits: run.refits.map((r) => r.samples),
      nis: calm.reduce((sum, s) => sum + s.nis, 0) / calm.length,
      statesNis: states.nis / states.channels,
      parameters,
      verdict,
    };
  },
  tables: (done) =>
    done.flatMap(({ result: r }) => [
      ...markdown(
        `Openings within the first ${r.endS.toFixed(0)} s`,
        ['opened at, s', 'found after, s', 'parameters moved by, sd'],
        LID.flatMap(({ openS }, i) => {
          if (openS > r.endS) return [];
          const delay = r.delaysS[i]!;
          const found = Number.isNaN(delay) ? 'never' : delay.toFixed(1);
          return [[openS.toFixed(0), found, r.moves[i]!.toFixed(2)]];
        }),
      ),
      `Other events: ${r.others.length}. Refits of ${r.refits.join(', ')} samples. NIS outside of events: ${r.nis.toFixed(2)}, of the states alone, the beginnings of events left out: ${r.statesNis.toFixed(2)}.`,
      '',
      ...markdown(
        `The last fit: ${r.verdict.grade}`,
        ['parameter', 'mean', '95 % band'],
        Object.entries(r.parameters).map(([name, e]) => [
          name,
          digits(e.mean),
          `${digits(e.lower95)} to ${digits(e.upper95)}`,
        ]),
      ),
      ...r.verdict.reasons.map((reason) => `- ${reason}`),
    ]),
});
