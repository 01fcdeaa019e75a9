import { expect, it } from 'vitest';
import { simulationOf } from '../../../shared/twin/propose/simulation.js';

it('gives rows that come faster than the FMU steps a step each', () => {
  const tableOf = (periodS: number) =>
    ({ account: { periodS }, long: undefined, columns: [] }) as unknown as Parameters<
      typeof simulationOf
    >[1];
  const mdOf = (stepSize?: number) =>
    ({
      coSimulation: {},
      modelStructure: { continuousStateDerivatives: [{}] },
      defaultExperiment: { ...(stepSize !== undefined && { stepSize }) },
    }) as unknown as Parameters<typeof simulationOf>[0];
  const faster = simulationOf(mdOf(300), tableOf(60), undefined);
  expect(faster.item).toEqual({ mode: 'transient', interface: 'cs', stepSizeS: 60 });
  expect(faster.comment).toMatch(/a step a row, its own being 5.0 min/);
  expect(simulationOf(mdOf(5), tableOf(60), undefined).item.stepSizeS).toBe(5);
});

it('gives a machine that moves ten steps a row where its FMU states none', () => {
  const tableOf = (periodS: number | null) =>
    ({ account: { periodS }, long: undefined, columns: [] }) as unknown as Parameters<
      typeof simulationOf
    >[1];
  const mdOf = (more: object = {}) =>
    ({
      coSimulation: {},
      modelStructure: { continuousStateDerivatives: [{}] },
      defaultExperiment: {},
      ...more,
    }) as unknown as Parameters<typeof simulationOf>[0];
  const { item, comment } = simulationOf(mdOf(), tableOf(60), undefined);
  expect(item).toEqual({ mode: 'transient', interface: 'cs', stepSizeS: 6 });
  expect(comment).toMatch(/; 10 steps a row, as the FMU states none$/);
  expect(simulationOf(mdOf(), tableOf(0.003), undefined).item.stepSizeS).toBe(0.0003);
  // Rest is looked for by the definition's default, and model exchange has solvers of its own.
  for (const [md, periodS] of [
    [mdOf(), 3600],
    [mdOf({ coSimulation: undefined }), 60],
    [mdOf(), null],
  ] as const) {
    expect(simulationOf(md, tableOf(periodS), 0).item).not.toHaveProperty('stepSizeS');
  }
  const fixed = mdOf({ coSimulation: { fixedInternalStepSize: 0.5 } });
  expect(simulationOf(fixed, tableOf(60), undefined).item.stepSizeS).toBe(0.5);
});

it('takes an FMU that declares no states, yet does not come to rest between rows, for one that moves', () => {
  const md = {
    coSimulation: {},
    modelStructure: { continuousStateDerivatives: [] },
    defaultExperiment: { stepSize: 1 },
  } as unknown as Parameters<typeof simulationOf>[0];
  const table = { account: { periodS: 10 }, long: undefined, columns: [] } as unknown as Parameters<
    typeof simulationOf
  >[1];
  for (const restS of [undefined, 0, 30]) {
    expect(simulationOf(md, table, restS).item.mode).toBe('steady-state');
  }
  for (const restS of [31, Number.POSITIVE_INFINITY]) {
    const { item, comment } = simulationOf(md, table, restS);
    expect(item).toEqual({ mode: 'transient', interface: 'cs', stepSizeS: 1 });
    expect(comment).toMatch(/keeps states to itself, and the machine moves between rows/);
  }
});
