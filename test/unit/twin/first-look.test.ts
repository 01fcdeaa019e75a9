import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { twinSchema } from '../../../shared/config/index.js';
import { packageFile } from '../../../shared/core/index.js';
import { openFmu } from '../../../shared/fmi/index.js';
import { readTable } from '../../../shared/recordings/index.js';
import {
  definitionText,
  findReaches,
  noiselessChannels,
  proposeTwin,
  startUpRows,
  withNoise,
  withReaches,
} from '../../../shared/twin/propose/index.js';
import type { Sample, Twin } from '../../../shared/twin/types.js';

const folder = mkdtempSync(join(tmpdir(), 'twinloop-first-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fmuPath = packageFile('shared/twins/web-line/web-line.fmu');

/** A recording of a simulation: names as its tool writes them, no noise, a row of standstill. */
async function proposed() {
  const data = join(folder, 'web.csv');
  const rows = Array.from({ length: 200 }, (_, k) => {
    const [v, w] = k === 0 ? [0, 0] : [1, 20];
    return [k * 1296, v, v, w, w, w, w + (k === 0 ? 0 : 1e-9 * (k % 3))];
  });
  const header =
    "t,`Main.WS2.v`,`Main.NR2_Velocity.'m/s'[1]`,`Main.NR2.w`,`Main.R10.w`,`Main.R1.w`,`Main.R2.w`";
  writeFileSync(data, [header, ...rows.map((r) => r.join(','))].join('\n'));
  const { modelDescription } = await openFmu(fmuPath);
  const table = await readTable(data);
  return { table, proposal: proposeTwin(modelDescription, table, { name: 'web' }) };
}

const twinOf = (proposal: Awaited<ReturnType<typeof proposed>>['proposal']): Twin => ({
  definition: twinSchema.parse(parse(definitionText(proposal, fmuPath, 'a test'))),
  fmuPath,
  hash: '',
});

describe('a first definition of a simulated line', () => {
  it('takes a number in a name for what tells one part from the next', async () => {
    const { proposal } = await proposed();
    const of = Object.fromEntries(proposal.matches.map((m) => [m.variable, m.column]));
    expect(of).toMatchObject({
      // Not the angular velocity of the nip, nor the winder's speed.
      lineSpeed: "Main.NR2_Velocity.'m/s'",
      NR2_w: 'Main.NR2.w',
      Roller1_w: 'Main.R1.w',
      Roller2_w: 'Main.R2.w',
      Roller10_w: 'Main.R10.w',
    });
    expect(proposal.inputs[0]?.comment).toMatch(/both in m\/s/);
    expect(proposal.inputs[0]?.comment).not.toMatch(/CAUTION/);
  });

  it('takes a prior from the nominal size where the FMU bears far more', async () => {
    const { proposal } = await proposed();
    const b3 = proposal.parameters.find((p) => p.item.variable === 'b3');
    expect(b3?.item).toMatchObject({ lower: -0.5, upper: 0.5, prior: { mean: 0, std: 0.1 } });
    expect(b3?.comment).toMatch(/nominal size; of -1 to 10, which the FMU bears/);
  });

  it('narrows what the model fails at, and bounds what has no bound', async () => {
    const { proposal } = await proposed();
    const wide = {
      ...proposal,
      parameters: proposal.parameters
        .filter((p) => ['b1', 'nipTension'].includes(p.item.variable))
        .map((p) => {
          const { lower: _, ...item } = p.item;
          if (item.variable === 'b1') return p;
          // An FMU that says nothing of its lower bound: it refuses what is below 1 N.
          return { ...p, item: { ...item, prior: { mean: 150, std: 100 } } };
        }),
    };
    const reaches = await findReaches(twinOf(wide), Float64Array.of(1, 100, 325956.2867));
    expect(reaches?.narrowed.map((r) => r.variable)).toEqual(['nipTension']);
    expect(reaches?.narrowed[0]).toMatchObject({ lower: 50 });
    expect(reaches?.narrowed[0]?.because).toMatch(/fails at -50: /);
    expect(reaches?.unfinished).toBe(false);
    expect(reaches?.runMs).toBeGreaterThan(0);
    const [b1, nip] = withReaches(wide, reaches?.narrowed ?? []).parameters.map((p) => p.item);
    expect(b1).toMatchObject({ lower: -0.5, upper: 0.5 });
    expect(nip).toMatchObject({ lower: 50, upper: 550 });
  });

  it('gives a noise to channels that show none', async () => {
    const { proposal } = await proposed();
    const samples = Array.from({ length: 50 }, (_, k) => ({
      timeS: k,
      inputs: Float64Array.of(1, 100, 3e5),
      // One of rounding only, one with a noise of a thousandth, one that rests at zero.
      measured: Float64Array.of(
        20 + 1e-9 * (k % 3),
        20 + 0.02 * Math.sin(k * k),
        1e-16 * Math.sin(k * k),
      ),
    }));
    const found = noiselessChannels(twinOf(proposal), samples, [0.01, 0.01, 0.5]);
    expect(found.map((n) => n.noiseStd)).toEqual([0.002, 5e-5]);
    const items = withNoise(proposal, found).measured.map((m) => m.item.noiseStd);
    expect(items.slice(0, 3)).toEqual([0.002, undefined, 5e-5]);
  });

  it('sees that a machine is starting, and takes an outlier or a slow change for none', () => {
    const row = (timeS: number, measured: number[]): Sample => ({
      timeS,
      inputs: new Float64Array(),
      measured: Float64Array.from(measured),
    });
    const run = Array.from({ length: 100 }, (_, k) => row(k, [20, 150 + 0.01 * k, 0]));
    expect(startUpRows(run)).toBe(0);
    expect(startUpRows([row(-2, [0, 0, 0]), row(-1, [3, 20, 0]), ...run])).toBe(2);
    expect(startUpRows([row(-1, [0, 150, 0]), ...run])).toBe(0);
    const drift = Array.from({ length: 100 }, (_, k) => row(k, [20 + k, 100 - k, 0]));
    expect(startUpRows(drift)).toBe(0);
    // A record that is another machine's for a tenth of its length is no start-up.
    const long = Array.from({ length: 20 }, (_, k) => row(k - 20, [0, 0, 0]));
    expect(startUpRows([...long, ...run])).toBe(0);
    expect(startUpRows([])).toBe(0);
  });
});
