import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCommands } from '../../../cli/commands.js';
import { twinSchema } from '../../../shared/config/index.js';
import { createRng, packageFile, silentLogger } from '../../../shared/core/index.js';
import { resultColumn, simulate } from '../../../shared/fmi/index.js';
import {
  createCalibrator,
  createTwinModel,
  decodeCheckpoint,
  encodeCheckpoint,
  loadTwin,
  type Sample,
  type StepResult,
  type Twin,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { oscillation, oscillatorTwin } from '../../support/oscillator.js';
import { buildFmu, hasCompiler } from '../fmi/fixture-fmus.js';

type Interface = 'cs' | 'me';

const oscillator = (version: 2 | 3, type: Interface): Twin =>
  oscillatorTwin(version, 0.05, { interface: type, stepSizeS: 0.02, relativeTolerance: 1e-5 });

async function follow(
  twin: Twin,
  model: TwinModel,
  samples: readonly Sample[],
  restartAt?: number,
): Promise<{ results: StepResult[]; bytes: Uint8Array }> {
  const calibrator = createCalibrator({ twin, model });
  let state = calibrator.initialState();
  const results: StepResult[] = [];
  for (const [k, sample] of samples.entries()) {
    if (k === restartAt) state = decodeCheckpoint(encodeCheckpoint(state), twin);
    const step = await calibrator.step(state, sample);
    state = step.state;
    results.push(step.result);
  }
  return { results, bytes: encodeCheckpoint(state) };
}

const inside = (e: { lower95: number; upper95: number }, value: number) =>
  e.lower95 <= value && value <= e.upper95;

describe.skipIf(!hasCompiler)('transient mode', () => {
  it.each([
    [2, 'me'],
    [3, 'cs'],
  ] as const)(
    'finds mu of an oscillator from noisy x0 alone (FMI %i, %s)',
    async (version, type) => {
      const truth = await oscillation(16);
      const twin = oscillator(version, type);
      const model = await createTwinModel(twin, { lanes: 2 });
      try {
        let mu = 0;
        let x1 = 0;
        let nis = 0;
        let steps = 0;
        for (const seed of [1, 2, 3]) {
          const rng = createRng(seed);
          const samples = Array.from(truth.time, (timeS, k) => ({
            timeS,
            inputs: new Float64Array(),
            measured: Float64Array.of(truth.x0[k]! + 0.05 * rng.normal()),
          }));
          const { results } = await follow(twin, model, samples);
          results.forEach((result, k) => {
            steps++;
            nis += result.nis;
            if (inside(result.parameters.mu!, 2)) mu++;
            if (inside(result.virtualSensors.x1!, truth.x1[k]!)) x1++;
          });
          const last = results.at(-1)!;
          expect(last.parameters.mu!.std).toBeLessThan(0.01);
          expect(Math.abs(last.parameters.mu!.mean - 2)).toBeLessThan(4 * last.parameters.mu!.std);
          expect(last.diagnostics.mode).toBe('transient');
        }
        // 243 steps, strongly correlated: 95 % give or take one run of the three.
        expect(mu / steps).toBeGreaterThan(0.8);
        expect(x1 / steps).toBeGreaterThan(0.88);
        // Mean of 243 chi-square(1): 1 ± 0.09.
        expect(nis / steps).toBeGreaterThan(0.7);
        expect(nis / steps).toBeLessThan(1.35);
      } finally {
        await model.close();
      }
    },
  );

  it('goes on from a checkpoint bit for bit', async () => {
    const truth = await oscillation(16);
    const samples = Array.from(truth.time.subarray(0, 20), (timeS, k) => ({
      timeS,
      inputs: new Float64Array(),
      measured: Float64Array.of(truth.x0[k]!),
    }));
    const twin = oscillator(2, 'me');
    const model = await createTwinModel(twin, { lanes: 2 });
    try {
      const whole = await follow(twin, model, samples);
      const resumed = await follow(twin, model, samples, 11);
      expect(resumed.bytes).toEqual(whole.bytes);
    } finally {
      await model.close();
    }
  });

  it('refuses co-simulation whose states are no start values, and names the way out', async () => {
    const fmuPath = buildFmu('vdp', 2, (xml) =>
      xml.replace(/(name="x1".*?) initial="exact"><Real start="0"\/>/, '$1><Real/>'),
    );
    const twin = { ...oscillator(2, 'cs'), fmuPath };
    await expect(createTwinModel(twin)).rejects.toThrow(
      /states "x1" of Van der Pol.*interface "me"/,
    );
    const allowed = { ...oscillator(2, 'me'), fmuPath };
    await (await createTwinModel(allowed, { lanes: 1 })).close();
  });

  it('begins a model that never rests anywhere near its start values', async () => {
    const twin = oscillator(2, 'cs');
    twin.definition.transient.initialState = 'settled';
    twin.definition.simulation.maxTimeS = 5;
    const model = await createTwinModel(twin, { lanes: 1 });
    const sample = { timeS: 0, inputs: new Float64Array(), measured: Float64Array.of(1) };
    try {
      const { results } = await follow(twin, model, [sample]);
      // Half of its size either way, not the twentieth of a start that is known.
      expect(results[0]?.virtualSensors.x1?.std).toBeCloseTo(0.5, 2);
    } finally {
      await model.close();
    }
  });
});

/** The web line through a change of its speed, its drags b3 and b9 worn. */
async function lineChange(): Promise<{
  samples: Sample[];
  twin(mode: string, estimator?: object): Promise<Twin>;
  s4: Float64Array;
}> {
  const path = packageFile('shared/twins/web-line/twin.json');
  const base = await loadTwin(path);
  const restS = 8;
  const endS = 28;
  const speed = (t: number) => (t < restS ? 1 : Math.min(1.4, 1 + 0.08 * (t - restS)));
  const beforeS = 40;
  const grid = Float64Array.from({ length: endS + 1 }, (_, k) => k);
  const truth = await simulate(base.fmuPath, {
    interface: 'me',
    startValues: { b3: 0.05, b9: 0.1 },
    stopTimeS: beforeS + endS,
    outputIntervalS: 1,
    tolerance: 1e-9,
    input: {
      time: Float64Array.of(0, ...grid.map((t) => t + beforeS)),
      columns: [{ name: 'lineSpeed', values: Float64Array.of(1, ...grid.map(speed)), width: 1 }],
    },
  });
  const at = (name: string) => resultColumn(truth, name).subarray(beforeS);
  const rng = createRng(4);
  const columns = base.definition.measured.map((m) => at(m.variable));
  const samples = Array.from(grid, (timeS, k) => ({
    timeS,
    inputs: Float64Array.of(speed(timeS), 100, 325956.2867),
    measured: Float64Array.from(columns, (column) => column[k]! + 1e-4 * rng.normal()),
  }));
  const twin = async (mode: string, estimator: object = {}) => {
    const fresh = await loadTwin(path);
    const {
      inputs: [lineSpeed, ...others],
      parameters,
      ...rest
    } = fresh.definition;
    const { value: _, ...streamed } = lineSpeed!;
    const definition = twinSchema.parse({
      ...rest,
      inputs: [streamed, ...others],
      parameters: parameters.map((p) => ({
        ...p,
        prior: { mean: 0.02, std: 0.05 },
        dynamics: 'constant',
      })),
      simulation: { ...rest.simulation, mode },
      estimator,
    });
    return { ...fresh, definition };
  };
  return { samples, twin, s4: at('S4_Tension_N') };
}

describe('the web line through a change of its speed', () => {
  it('is followed by mode auto, where steady-state mode is led astray', async () => {
    const { samples, twin, s4 } = await lineChange();
    const run = async (mode: string, count: number, estimator?: object) => {
      const its = await twin(mode, estimator);
      const model = await createTwinModel(its, { lanes: 2 });
      try {
        return await follow(its, model, samples.slice(0, count));
      } finally {
        await model.close();
      }
    };
    const auto = await run('auto', samples.length);
    const modes = auto.results.map((r) => r.diagnostics.mode);
    // A settling time of some seconds into the record it is known to rest; from 8 s on it moves.
    expect(modes.slice(6, 9)).toEqual(new Array(3).fill('steady-state'));
    expect(modes.slice(9, 14)).toEqual(new Array(5).fill('transient'));
    expect(modes.at(-1)).toBe('steady-state');
    const last = auto.results.at(-1)!.parameters;
    for (const [name, value] of [
      ['b3', 0.05],
      ['b9', 0.1],
    ] as const) {
      expect(last[name]!.std).toBeLessThan(2e-3);
      expect(Math.abs(last[name]!.mean - value)).toBeLessThan(4 * last[name]!.std);
    }
    const rms = (results: StepResult[]) => {
      const errors = results.flatMap((r, k) => {
        const s4Twin = r.virtualSensors.S4_Tension_N;
        return k < 2 || s4Twin === undefined ? [] : [s4Twin.mean - s4[k]!];
      });
      return Math.hypot(...errors) / Math.sqrt(errors.length);
    };
    // Only the first seconds of the change, and no search for a cause: steady-state mode is soon
    // lost far out, where runs are slow.
    const steady = await run('steady-state', 11, { gate: false });
    const first = auto.results.slice(0, 11);
    expect(rms(first)).toBeLessThan(2);
    expect(rms(steady.results)).toBeGreaterThan(5 * rms(first));
  }, 120_000);
});

/** Runs a command and collects what it prints. */
async function command(name: string, args: Record<string, unknown>) {
  let text = '';
  const out = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const signal = new AbortController().signal;
  const io = { logger: silentLogger, signal, env: {}, stdout: out, stderr: out };
  const code = await (await loadCommands()).find((c) => c.name === name)!.run(args, io);
  return { code, text };
}

describe.skipIf(!hasCompiler)('commands on a moving machine', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'twinloop-transient-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const written = (definition: unknown): string => {
    const path = join(folder, 'twin.json');
    writeFileSync(path, JSON.stringify(definition));
    return path;
  };

  it.each(['json', 'csv'])(
    'calibrate writes parameters, hidden states and modes as %s',
    async (ending) => {
      const truth = await oscillation(16);
      const rng = createRng(9);
      const rows = Array.from(truth.time, (t, k) => `${t},${truth.x0[k]! + 0.05 * rng.normal()}`);
      const data = join(folder, 'record.csv');
      writeFileSync(data, `time,x0\n${rows.join('\n')}\n`);
      const twin = written(oscillator(2, 'me').definition);
      const output = join(folder, `out.${ending}`);
      expect((await command('calibrate', { twin, data, output, lanes: 2 })).code).toBe(0);
      const text = readFileSync(output, 'utf8');
      if (ending === 'csv') {
        expect(text.split('\n')[0]).toMatch(/^timeS,row,mode,nis,/);
        expect(text.trim().split('\n')).toHaveLength(82);
        expect(text.trim().split('\n').at(-1)).toMatch(/^16,80,transient,/);
        return;
      }
      const { steps } = JSON.parse(text) as { steps: StepResult[] };
      expect(steps).toHaveLength(81);
      const last = steps.at(-1)!;
      expect(last.diagnostics.mode).toBe('transient');
      expect(Math.abs(last.parameters.mu!.mean - 2)).toBeLessThan(0.05);
      expect(last.virtualSensors.x1!.std).toBeLessThan(0.2);
    },
  );

  it('twin check tells the states, and what a course shows of a model without rest', async () => {
    const { definition } = oscillator(2, 'me');
    const simulation = { ...definition.simulation, maxTimeS: 10 };
    const { code, text } = await command('twin check', {
      twin: written({ ...definition, simulation }),
      lanes: 1,
    });
    expect(code).toBe(0);
    expect(text).toMatch(/mu +± \S+ from the course: identifiable/);
    expect(text).toMatch(
      /Transient mode: possible; the FMU's 2 continuous states can be set \(x0, x1\)/,
    );
  });

  it('twin check says what transient mode lacks', async () => {
    const twin = written({
      ...oscillator(2, 'cs').definition,
      name: 'lag',
      fmu: buildFmu('decay', 2, (xml) =>
        xml.replace(
          'initial="exact"><Real start="1" unit="K"/>',
          'initial="calculated"><Real unit="K"/>',
        ),
      ),
      measured: [{ variable: 'y2', alias: '/y2' }],
      parameters: [{ variable: 'k', alias: '/k', prior: { mean: 1, std: 0.5 } }],
      virtualSensors: [],
      simulation: {},
    });
    const { code, text } = await command('twin check', { twin, lanes: 1, json: true });
    expect(code).toBe(0);
    expect(JSON.parse(text).dynamics).toEqual({
      mode: 'steady-state',
      interface: 'cs',
      states: ['x'],
      transient: false,
      obstacle: expect.stringContaining('the states "x" of Decay are no start values'),
      otherInterface: 'me',
    });
  });
});
