import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../support/run-command.js';
import { buildFmu, hasCompiler } from '../fmi/fixture-fmus.js';

const dir = mkdtempSync(join(tmpdir(), 'twinloop-moving-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function rotor(name: string, mode: string, initialState: string, parameters: string[]): string {
  const path = join(dir, `${name}.json`);
  writeFileSync(
    path,
    JSON.stringify({
      name,
      fmu: buildFmu('rotor', 2),
      inputs: [{ variable: 'u', alias: '/u' }],
      measured: [{ variable: 'speed', alias: '/speed', noiseStd: 0.003 }],
      parameters: parameters.map((variable) => ({
        variable,
        alias: `/${variable}`,
        lower: 0.2,
        upper: 3,
        prior: { mean: 1, std: 0.3 },
      })),
      virtualSensors: [],
      simulation: { mode, interface: 'cs', stepSizeS: 0.1, maxTimeS: 60 },
      transient: { initialState },
    }),
  );
  return path;
}

describe.skipIf(!hasCompiler)('a machine that moves', () => {
  it.each(['start-values', 'settled'])(
    'is checked by a course from %s: what shows at no rest shows there',
    async (from) => {
      const twin = rotor(`rotor-${from}`, 'transient', from, ['J', 'd']);
      const { text } = await runCommand('twin check', { twin, input: ['u=1'], json: true });
      const report = JSON.parse(text);
      expect(report.course).toMatchObject({ spanS: 60 });
      expect(report.parameters.J).toMatchObject({ identifiable: true });
      expect(report.parameters.d).toMatchObject({ identifiable: true });
      const people = await runCommand('twin check', { twin, input: ['u=1'] });
      expect(people.text).toMatch(/J +± \S+ from the course: identifiable/);
    },
  );

  it('agrees with the closed form of the course', async () => {
    const twin = rotor('rotor-exact', 'transient', 'start-values', ['d']);
    const { text } = await runCommand('twin check', { twin, input: ['u=1'], json: true });
    const { course, parameters } = JSON.parse(text);
    const steps = new Set<number>();
    for (let t = 0.1; t < 60; t *= 1.3) steps.add(Math.round(t / 0.1));
    steps.add(600);
    // w = (1 − exp(−d t)) / d for J = 1: its slope by d at d = 1.
    const slopes = [...steps].map((n) => {
      const t = n * 0.1;
      return t * Math.exp(-t) - (1 - Math.exp(-t));
    });
    expect(course.samples).toBe(steps.size);
    const exact = 0.003 / Math.hypot(...slopes);
    expect(Math.abs(parameters.d.std / exact - 1)).toBeLessThan(0.05);
  });

  it('has its sensors ranked without an output that never rests', async () => {
    const twin = rotor('rotor-rest', 'steady-state', 'settled', ['d']);
    const { code, text } = await runCommand('sensors', { twin, input: ['u=1'], json: true });
    expect(code).toBe(0);
    const found = JSON.parse(text);
    expect(found.ranking.map((s: { variable: string }) => s.variable)).toEqual(['speed']);
    expect(JSON.stringify(found)).toContain('angle never rests');
  });
});
