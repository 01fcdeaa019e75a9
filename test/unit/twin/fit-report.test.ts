import { describe, expect, it } from 'vitest';
import { twinSchema } from '../../../shared/config/index.js';
import { packageFile } from '../../../shared/core/index.js';
import { looksAhead } from '../../../shared/twin/fit/handover/ahead.js';
import { commission, createFitModel } from '../../../shared/twin/fit/index.js';
import type { FitRecord } from '../../../shared/twin/fit/record/record.js';
import { fitLines } from '../../../shared/twin/fit/views/lines.js';
import { fitReport } from '../../../shared/twin/fit/views/report.js';
import { lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

const HIDDEN = {
  virtualSensors: [{ variable: 'x2', alias: '/l/x2', unit: 'm', alarm: { above: 5 } }],
};

const recordOf = (inputs: readonly (readonly number[])[]): FitRecord => ({
  timesS: Float64Array.from(inputs[0]!, (_, k) => 10 * k),
  inputs: inputs.map((column) => Float64Array.from(column)),
  between: [],
  beginnings: [0],
  data: new Float64Array(inputs[0]!.length),
  channels: 1,
  rows: [],
  skipped: {},
  resolution: new Float64Array(1),
  rails: [],
});

/** The heated box, which is in the project, with the heat that it loses as a virtual sensor. */
const boxTwin = (mode: 'transient' | 'steady-state') => ({
  definition: twinSchema.parse({
    name: 'box',
    fmu: './heated-box.fmu',
    inputs: [{ variable: 'heaterOn' }, { variable: 'TRoom' }],
    measured: [{ variable: 'TAir', alias: '/b/TAir' }],
    parameters: [{ variable: 'GBox', alias: '/b/GBox', prior: { mean: 0.6, std: 0.3 } }],
    virtualSensors: [{ variable: 'loss', alias: '/b/loss', unit: 'W' }],
    simulation: { mode, stepSizeS: 10, maxTimeS: 110_000 },
  }),
  fmuPath: packageFile('shared/twins/heated-box/heated-box.fmu'),
  hash: 'box',
});

describe('virtual sensors of a fit', () => {
  it('hold the truth in their bands at the record’s end in 90 to 100 % of seeds', async () => {
    const twin = lagTwin(['gain', 'tau'], HIDDEN);
    let inside = 0;
    const seeds = 40;
    for (let seed = 0; seed < seeds; seed++) {
      const samples = await lagSamples({ seed: 200 + seed });
      const exact = await lagSamples({ seed: 200 + seed, noise: 0 });
      const { output } = await commission(twin, lagModel(twin), samples, {
        holdOut: 0,
        hidden: true,
      });
      const truth = 2 * exact.at(-1)!.measured[0]!;
      const { lower95, upper95, mean } = output.virtualSensors.x2!;
      expect(mean).toBeCloseTo(truth, 0);
      if (lower95 <= truth && truth <= upper95) inside++;
    }
    expect(inside / seeds).toBeGreaterThanOrEqual(0.9);
  });

  it('are as unsure as the model is wrong where it can be seen', async () => {
    const twin = lagTwin(['gain', 'tau'], HIDDEN);
    const bandOf = async (ou: number) => {
      const samples = await lagSamples({ ou, seed: 7 });
      const { output } = await commission(twin, lagModel(twin), samples, { hidden: true });
      expect(output.verdict.grade).not.toBe('unusable');
      return output.virtualSensors.x2!.std;
    };
    // A disturbance of 0.1 of what is measured is one of 0.2 in twice that.
    expect(await bandOf(0)).toBeLessThan(0.06);
    expect(await bandOf(0.1)).toBeGreaterThan(0.1);
  });

  it('are not told of a fit that is not to be used, nor where nobody asks', async () => {
    const twin = lagTwin(['gain', 'tau'], HIDDEN);
    const model = lagModel(twin);
    const wrong = (await lagSamples({ n: 200 })).map((s) => ({
      ...s,
      measured: Float64Array.of(3 * Math.sin(s.timeS / 3)),
    }));
    const bad = await commission(twin, model, wrong, { hidden: true });
    expect(bad.output.verdict.grade).toBe('unusable');
    expect(bad.output.virtualSensors).toEqual({});
    expect(bad.output.bands).toBeUndefined();
    const unasked = await commission(twin, model, await lagSamples());
    expect(unasked.output.virtualSensors).toEqual({});
  });

  it.each(['transient', 'steady-state'] as const)(
    'come from the FMU beside what is measured, %s',
    async (mode) => {
      const model = await createFitModel(boxTwin(mode), { lanes: 1 });
      try {
        const room = [22, 22, 23];
        const record = recordOf([[1, 1, 1], room]);
        const point = { parameters: Float64Array.of(0.5) };
        const [plain] = await model.run([point], record);
        const [run] = await model.run([point], record, { keepSensors: true });
        if (
          plain === undefined ||
          plain instanceof Error ||
          run === undefined ||
          run instanceof Error
        ) {
          throw plain ?? run;
        }
        expect(plain.sensors).toBeUndefined();
        expect([...run.outputs]).toEqual([...plain.outputs]);
        // G (T − T_room), all that the box loses.
        room.forEach((T, k) => {
          expect(run.sensors![k]).toBeCloseTo(0.5 * (run.outputs[k]! - T), 6);
        });
        expect(run.outputs[2]).toBeGreaterThan(run.outputs[0]!);
      } finally {
        await model.close();
      }
    },
  );
});

describe('where the bands of a fit come from', () => {
  it('adds up to one, and finds the disturbance', async () => {
    const twin = lagTwin();
    const sharesOf = async (ou: number) => {
      const { output } = await commission(twin, lagModel(twin), await lagSamples({ ou, seed: 7 }));
      const shares = output.bands!.sources.gain!;
      expect(Object.values(shares).reduce((sum, v) => sum + v, 0)).toBeCloseTo(1, 12);
      return shares;
    };
    const white = await sharesOf(0);
    expect(white.sensors).toBeGreaterThan(0.6);
    const disturbed = await sharesOf(0.1);
    expect(disturbed.model).toBeGreaterThan(0.5);
    expect(disturbed.sensors).toBeLessThan(white.sensors);
  });

  it('says of a parameter that nothing tells that only its prior is there', async () => {
    const twin = lagTwin(['gain', 'tau', 'idle']);
    const { output } = await commission(twin, lagModel(twin), await lagSamples());
    expect(output.bands!.sources.idle!.shortness).toBeGreaterThan(0.95);
  });
});

describe('the page of a fit', () => {
  it('shows virtual sensors, sources, what is known together only, and rows held out', async () => {
    const twin = lagTwin(['gain', 'tau', 'gain2'], HIDDEN);
    const result = await commission(twin, lagModel(twin), await lagSamples(), { hidden: true });
    expect(result.output.ridges).toHaveLength(1);
    const html = await fitReport(twin, result, undefined, { unknown: 'it <never> rests' });
    for (const part of [
      'Virtual sensors',
      'Where the bands come from',
      'What the record can tell',
    ]) {
      expect(html).toContain(`<h2>${part}</h2>`);
    }
    expect(html).toContain('limit 5');
    expect(html).toMatch(/Of gain2? and gain2? only gain2?·gain2? is known/);
    expect(html).toMatch(/<th scope="row">gain<\/th><td>[\d.]+ %<\/td><td>gain2<\/td>/);
    expect(html).toContain('rows held out, 95 % bands');
    expect(html).toContain('There is none: it &lt;never&gt; rests');
    expect(fitLines(result.output).join('\n')).toMatch(/Virtual sensors at the end:\n {2}x2 /);
  });

  it('gives no widths of bands that are the priors’, as the fit is not to be used', async () => {
    const twin = lagTwin();
    const wrong = (await lagSamples({ n: 200 })).map((s) => ({
      ...s,
      measured: Float64Array.of(3 * Math.sin(s.timeS / 3)),
    }));
    const result = await commission(twin, lagModel(twin), wrong, { hidden: true });
    const html = await fitReport(twin, result);
    expect(html).not.toContain('width of the band');
    expect(html).not.toContain('Where the bands come from');
  });

  it('looks ahead only where something wears', () => {
    expect(looksAhead(lagTwin())).toBe(true);
    const constants = lagTwin();
    for (const p of constants.definition.parameters) p.dynamics = 'constant';
    expect(looksAhead(constants)).toBe(false);
  });
});

describe('a fit of a machine at rest', () => {
  it('says that what may wear is taken for constant', async () => {
    const twin = boxTwin('steady-state');
    const model = await createFitModel(twin, { lanes: 1 });
    try {
      const samples = [0, 1].flatMap((on, k) =>
        Array.from({ length: 6 }, (_, i) => ({
          timeS: 600 * (6 * k + i),
          inputs: Float64Array.of(on, 22 + i),
          // 18.7 W through 0.58 W/K.
          measured: Float64Array.of(22 + i + (on * 18.7) / 0.58 + (i % 2 === 0 ? 0.05 : -0.05)),
        })),
      );
      const { output } = await commission(twin, model, samples, { hidden: true });
      expect(output.parameters.GBox!.mean).toBeCloseTo(0.58, 2);
      expect(output.virtualSensors.loss!.mean).toBeCloseTo(18.7, 1);
      expect(output.notes.join(' ')).toContain('Taken for constant along the record: GBox.');
    } finally {
      await model.close();
    }
  });
});
