import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig, type TwinDefinition, twinSchema } from '../../../shared/config/index.js';
import { packageFile, silentLogger } from '../../../shared/core/index.js';
import {
  createSimulatedMachine,
  defaultScenario,
  type Machine,
  openRecording,
  truthAt,
  WEB_LINE_SCENARIO,
} from '../../../simulators/plant/index.js';

const DAY_S = 86_400;
const twinFile = packageFile('shared/twins/web-line/twin.json');
const fmuPath = packageFile('shared/twins/web-line/web-line.fmu');

let twin: TwinDefinition;
beforeAll(async () => {
  twin = await loadConfig(twinSchema, twinFile, 'twin definition');
});

describe('the hidden truth', () => {
  it('follows its knots, holds the ends and begins anew after its period', () => {
    const scenario = {
      periodDays: 10,
      parameters: {
        b3: [
          [1, 0.1],
          [3, 0.3],
          [3.01, 0],
        ] as const,
      },
    };
    const b3 = (day: number) => truthAt(scenario, twin, day * DAY_S).b3;
    expect(b3(0)).toBe(0.1);
    expect(b3(2)).toBeCloseTo(0.2, 12);
    expect(b3(9)).toBe(0);
    expect(b3(12)).toBeCloseTo(0.2, 12);
    expect(truthAt(scenario, twin, 0).b1).toBe(0);
  });

  it('wears R9 of the web line visibly within five days, to slip later, then mends it', () => {
    const b9 = (day: number) => truthAt(WEB_LINE_SCENARIO, twin, day * DAY_S).b9!;
    expect(b9(5)).toBeGreaterThan(0.05);
    expect(b9(13)).toBeGreaterThan(0.173);
    expect(b9(17)).toBeLessThan(1e-3);
  });

  it('wears the first parameter of any other twin within its bounds', () => {
    const other = { ...twin, name: 'other' };
    const scenario = defaultScenario(other);
    const worn = truthAt(scenario, other, 20 * DAY_S).b1!;
    expect(worn).toBeGreaterThan(0);
    expect(worn).toBeLessThanOrEqual(0.5);
  });
});

describe('a simulated machine', () => {
  const machines: Machine[] = [];
  const create = async (seed: number) => {
    const machine = await createSimulatedMachine({
      twin,
      fmuPath,
      scenario: WEB_LINE_SCENARIO,
      seed,
      intervalS: 3600,
      logger: silentLogger,
    });
    machines.push(machine);
    return machine;
  };
  afterAll(() => Promise.all(machines.map((machine) => machine.close())));

  it('gives the same reading of the same instant again, after whatever else, and only for its seed', async () => {
    const [one, two, other] = await Promise.all([create(4), create(4), create(5)]);
    await two.next(0);
    await two.next(12 * DAY_S);
    const a = await one.next(6 * DAY_S);
    const b = await two.next(6 * DAY_S);
    const c = await other.next(6 * DAY_S);
    expect(b).toEqual(a);
    expect(c?.truth).toEqual(a?.truth);
    expect(c?.sensors.Roller1_w).not.toBe(a?.sensors.Roller1_w);
  });

  it('reads the truth through noise and an encoder of limited resolution, and never the hidden part', async () => {
    const machine = await create(1);
    const errors: number[] = [];
    let slipped = 0;
    for (let day = 0.5; day < 16; day += 0.5) {
      const reading = await machine.next(day * DAY_S);
      if (reading === undefined) throw new Error('The machine has ended.');
      const { sensors, truth } = reading;
      expect(sensors.b9).toBeUndefined();
      expect(sensors.S9_Tension_N).toBeUndefined();
      for (const { variable } of twin.measured) {
        const steps = sensors[variable]! / 5e-5;
        expect(Math.abs(steps - Math.round(steps))).toBeLessThan(1e-6);
      }
      // The torque balance of a bearing holds in what is hidden.
      const torque = (truth.S10_Tension_N! - truth.S9_Tension_N!) * 0.05;
      errors.push(sensors.Roller9_w! - torque / truth.b9!);
      if (truth.Roller9_SlipVelocity_mps! > 0.01) slipped++;
    }
    const rms = Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
    expect(rms).toBeGreaterThan(0.4e-4);
    expect(rms).toBeLessThan(2e-4);
    expect(slipped).toBeGreaterThan(3);
  });
});

describe('a recording', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'twinloop-recording-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const small = (): TwinDefinition => ({
    ...twin,
    inputs: [],
    measured: twin.measured.slice(0, 1),
  });
  const open = (text: string, columns: Record<string, string> = {}) => {
    const csv = join(folder, 'recording.csv');
    writeFileSync(csv, text);
    return openRecording({ twin: small(), csv, columns });
  };

  it('is read row by row from its first time on, below a title and with quoted names', async () => {
    const machine = await open('A title,\nt,`Main.R1.w`\n100,1\n110,\n130,3\n');
    const first = await machine.next(-1);
    expect(first).toEqual({ machineS: 0, sensors: { Roller1_w: 1 }, truth: {} });
    const second = await machine.next(0);
    expect(second?.machineS).toBe(10);
    expect(second?.sensors.Roller1_w).toBeNaN();
    expect((await machine.next(10))?.sensors.Roller1_w).toBe(3);
    expect(await machine.next(30)).toBeUndefined();
  });

  it("takes a user's own column names by a map", async () => {
    const machine = await open('time,speed\n0,20\n1,21\n', { Roller1_w: 'speed' });
    expect((await machine.next(0))?.sensors.Roller1_w).toBe(21);
  });

  it('refuses what it cannot use: a missing column, no times, no file', async () => {
    await expect(open('time,speed\n0,20\n1,21\n')).rejects.toMatchObject({
      code: 'COLUMN_MISSING',
    });
    await expect(open('time,Main.R1.w\nsoon,20\nlater,21\n')).rejects.toMatchObject({
      code: 'FILE_INVALID',
    });
    await expect(
      openRecording({ twin: small(), csv: join(folder, 'none.csv') }),
    ).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});
