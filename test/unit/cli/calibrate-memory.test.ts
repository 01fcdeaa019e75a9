import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, describe, expect, it } from 'vitest';
import { CalibrationResults } from '../../../cli/calibration-results.js';
import {
  type Calibrator,
  createCalibrator,
  runSamples,
  summarize,
  type Twin,
} from '../../../shared/twin/index.js';
import { type Refitter, runWithRefits } from '../../../shared/twin/refit/index.js';
import { linearModel, sample, smallTwin } from '../twin/fixtures.js';

const folder = mkdtempSync(join(tmpdir(), 'twinloop-memory-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
function liveBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const [FEW, MANY] = [2000, 20_000];
const samples = Array.from({ length: MANY }, (_, k) => sample(k, [0.1, 0.2, 0.3]));

/** A calibrator whose steps cost nothing, each a copy of a real one's. */
async function quickCalibrator(twin: Twin): Promise<Calibrator> {
  const calibrator = createCalibrator({ twin, model: linearModel() });
  const { state, result } = await calibrator.step(calibrator.initialState(), samples[0]!);
  const step: Calibrator['step'] = async (_, { timeS }) => ({
    state: { ...state, timeS },
    result: structuredClone({ ...result, timeS }),
  });
  return { ...calibrator, step };
}

/** Refits that are never due. */
const refitter: Refitter = {
  schedule: () => ({ everyS: 100, windowS: 100, reachS: 100, firstValues: 1, growth: 2 }),
  begin: (state) => state,
  window: () => [],
  isDue: () => false,
  refit: () => Promise.reject(new Error('not due')),
};

describe('the memory of a calibration', () => {
  it.each([
    ['json', 'without refits'],
    ['csv', 'with refits'],
  ])(
    'whose steps go to .%s, %s, does not grow by them',
    async (ending, refits) => {
      const output = join(folder, `out.${ending}`);
      const twin = smallTwin();
      const calibrator = await quickCalibrator(twin);
      const results = await CalibrationResults.open(twin, { output });
      const live: number[] = [];
      const onStep = (done: number) => {
        if (done === FEW || done === MANY) live.push(liveBytes());
      };
      const take = results.take.bind(results);
      const start = calibrator.initialState();
      const run =
        refits === 'with refits'
          ? await runWithRefits(calibrator, refitter, start, samples, onStep, undefined, take)
          : await runSamples(calibrator, start, samples, onStep, undefined, take);
      const whole = summarize(twin, results.kept, 0, run.slopes, run.state);
      await results.give(whole, samples, undefined, { stdout: new PassThrough().resume() });
      await results.close();

      const text = readFileSync(output, 'utf8');
      const rows = ending === 'json' ? JSON.parse(text).steps : text.trim().split('\n').slice(1);
      expect(rows).toHaveLength(MANY);
      // What the summary needs of a step takes 0.2 kB; a step that is kept takes 2 kB.
      expect((live[1]! - live[0]!) / (MANY - FEW)).toBeLessThan(400);
    },
    60_000,
  );
});
