import { modelSensors } from '../../../config/index.js';
import { createTwinModel } from '../../model/twin-model.js';
import type { Twin } from '../../types.js';
import type { FitModel, FreeRun, ModelOptions } from './fit-model.js';

/** A twin of states of rest: each sample on its own. */
export async function restFitModel(twin: Twin, options: ModelOptions): Promise<FitModel> {
  const { definition } = twin;
  const model = await createTwinModel(twin, options);
  const m = definition.measured.length;
  const hidden = modelSensors(definition).length;
  const { signal } = options;
  return {
    states: [],
    async run(points, record, { keepSensors = false } = {}) {
      const n = record.timesS.length;
      const outputs: (FreeRun | Error)[] = points.map(() => ({
        outputs: new Float64Array(n * m),
        ...(keepSensors ? { sensors: new Float64Array(n * hidden) } : {}),
      }));
      // Equal inputs rest at equal values: one run for all samples that have them.
      const rowsOf = new Map<string, number[]>();
      for (let row = 0; row < n; row++) {
        const key = record.inputs.map((column) => column[row]).join(' ');
        const rows = rowsOf.get(key);
        if (rows === undefined) rowsOf.set(key, [row]);
        else rows.push(row);
      }
      await Promise.all(
        [...rowsOf.values()].map(async (rows) => {
          const inputs = Float64Array.from(record.inputs, (column) => column[rows[0]!]!);
          const found = await model.evaluate(
            points.map((p) => p.parameters),
            inputs,
            signal,
          );
          found.forEach((value, k) => {
            const run = outputs[k]!;
            if (run instanceof Error) return;
            if (value instanceof Error) outputs[k] = value;
            else {
              for (const row of rows) {
                run.outputs.set(value.subarray(0, m), row * m);
                run.sensors?.set(value.subarray(m, m + hidden), row * hidden);
              }
            }
          });
        }),
      );
      return outputs;
    },
    startStates: async () => new Float64Array(),
    close: () => model.close(),
  };
}
