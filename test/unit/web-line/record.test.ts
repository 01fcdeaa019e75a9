import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { columnOf, packageRoot, parseNumericCsv } from '../../../shared/core/index.js';
import type { FmuPool } from '../../../shared/fmi/index.js';
import { lineFmu, openLine, settleLine, worst } from './line-pool.js';
import { ROLLERS, SPANS } from './steady-line.js';

const file = join(packageRoot, '../shared/data/web-line/case-1-30-days.csv');
const present = existsSync(file);

/** Gross slip, as opposed to the micro-slip of a roller that grips. */
const SLIPPING_MPS = 2e-4;

describe.skipIf(!present)('the web line beside a 30-day record of one (needs the record)', () => {
  let pool: FmuPool;
  let row: (index: number) => {
    omega: Record<number, number>;
    slip: Record<number, number>;
    tension: Record<number, number>;
    nip1: number;
    dancerDeg: number;
    drag: Record<number, number>;
  };
  beforeAll(async () => {
    pool = await openLine(lineFmu(2));
    const table = parseNumericCsv(readFileSync(file, 'utf8'), file);
    row = (index) => {
      const at = (name: string) => columnOf(table, `Main.${name}`, file)[index]!;
      const by = (keys: readonly number[], name: (key: number) => string) =>
        Object.fromEntries(keys.map((key) => [key, at(name(key))]));
      const omega = by(ROLLERS, (i) => `R${i}.w`);
      const tension = by(SPANS, (k) => `S${k}.summary_Tension`);
      return {
        omega,
        tension,
        slip: by(ROLLERS, (i) => `R${i}.summary_SlipVelocity`),
        nip1: at('NR1.w'),
        dancerDeg: at('DancerAngle.deg'),
        // The torque balance of each roller gives the drag that the record was made with.
        drag: Object.fromEntries(
          ROLLERS.map((i) => [i, ((tension[i + 1]! - tension[i]!) * 0.05) / omega[i]!]),
        ),
      };
    };
  });
  afterAll(() => pool.close());

  it('reproduces its states of rest, before and after gross slip', async () => {
    for (const index of [1, 500, 934, 1060, 1200, 1267, 1350, 1410, 1413, 1416, 1480, 1545, 1999]) {
      const expected = row(index);
      const actual = await settleLine(pool, expected.drag);
      const note = `row ${index}`;
      expect(worst(actual.omega, expected.omega), note).toBeLessThan(1e-4);
      expect(worst(actual.tension, expected.tension), note).toBeLessThan(0.01);
      expect(worst(actual.slip, expected.slip), note).toBeLessThan(1e-5);
      expect(Math.abs(actual.nip1 - expected.nip1), note).toBeLessThan(1e-6);
      expect(Math.abs(actual.dancerDeg - expected.dancerDeg), note).toBeLessThan(1e-4);
    }
  });

  it('begins to slip on R9 in the same row', async () => {
    let onset: number | undefined;
    for (let index = 1408; index < 1420 && onset === undefined; index++) {
      const { drag } = row(index);
      const { slip } = await settleLine(pool, drag);
      if (slip[9]! > SLIPPING_MPS) onset = index;
    }
    expect(onset).toBe(1414);
  });
});
