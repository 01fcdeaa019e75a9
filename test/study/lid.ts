import { calibrateWithRefits } from '../support/calibrate-with-refits.js';
import { boxSamples, boxTwin, hasRecording } from '../support/real-machines.js';
import { hasCompiler } from '../unit/fmi/fixture-fmus.js';
import { LID, scoreLid } from './real-lid.js';

/** Events in the recording of a heated box whose lid is opened: `npm run study:lid -- [ROWS]`. */
const RECORD = 'incubator/lid-2021.csv';
const rows = Number(process.argv[2] ?? 3300);
if (!hasCompiler || !hasRecording(RECORD)) {
  console.error('study:lid needs a C compiler and the recording of the heated box of 2021.');
  process.exit(1);
}
const twin = boxTwin({ calibration: { refit: { windowS: 4200, everyS: 1e7 } } });
const samples = boxSamples(RECORD, 't1').slice(0, rows);
const run = await calibrateWithRefits(twin, samples);
const { delaysS, others, moves } = scoreLid(run.steps);
const endS = samples.at(-1)!.timeS;
LID.forEach(({ openS }, i) => {
  if (openS > endS) return;
  const delay = delaysS[i]?.toFixed(1) ?? 'never';
  console.log(
    `opened at ${openS.toFixed(0)} s: found after ${delay} s, moved ${moves[i]!.toFixed(2)} sd`,
  );
});
console.log(
  `${others.length} other events; refits of ${run.refits.map((r) => r.samples).join(', ')} samples`,
);
const calm = run.steps.filter((s) => s.eventSinceS === undefined && Number.isFinite(s.nis));
console.log(
  `NIS outside of events ${(calm.reduce((sum, s) => sum + s.nis, 0) / calm.length).toFixed(2)}`,
);
const { parameters, verdict } = run.newest!.output;
for (const [name, e] of Object.entries(parameters)) {
  console.log(
    `${name} ${e.mean.toPrecision(3)} [${e.lower95.toPrecision(3)}, ${e.upper95.toPrecision(3)}]`,
  );
}
console.log(`${verdict.grade}: ${verdict.reasons.join('; ')}`);
