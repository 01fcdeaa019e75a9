import { packageFile, type StreamTqv, secondsToNs } from '../../shared/core/index.js';
import { createSiteWiseClient } from '../../shared/sitewise/index.js';
import { createTwinModel, loadTwin } from '../../shared/twin/index.js';
import { type Rehearsal, startRehearsal } from '../../simulators/cloudformation/index.js';

/** Readings of the example's sensors, as its model makes them. */
export async function readings(samples: number): Promise<StreamTqv[]> {
  const twin = await loadTwin(packageFile('shared/twins/web-line/twin.json'));
  const model = await createTwinModel(twin);
  const values: StreamTqv[] = [];
  try {
    const inputs = Float64Array.from(twin.definition.inputs, (i) => i.value ?? Number.NaN);
    const healthy = Float64Array.from(twin.definition.parameters, () => 2e-4);
    const [outputs] = await model.evaluate([healthy], inputs);
    if (outputs === undefined || outputs instanceof Error) throw outputs ?? new Error('no run');
    const nowS = Math.floor(Date.now() / 1000);
    for (let k = 0; k < samples; k++) {
      const timeNs = secondsToNs(nowS - 600 - 60 * (samples - k));
      const push = (alias: string | undefined, value: number) => {
        values.push({ alias: alias ?? '', timeNs, quality: 'GOOD', value });
      };
      for (const [i, { alias }] of twin.definition.inputs.entries()) {
        push(alias, inputs[i] ?? Number.NaN);
      }
      for (const [i, { alias }] of twin.definition.measured.entries()) {
        push(alias, outputs[i] ?? Number.NaN);
      }
    }
  } finally {
    await model.close();
  }
  return values;
}

/** Uses what is deployed in a folder, and lets it go. */
export async function withRehearsal<T>(
  dataDir: string,
  use: (rehearsal: Rehearsal, client: ReturnType<typeof createSiteWiseClient>) => Promise<T>,
): Promise<T> {
  const rehearsal = await startRehearsal({ dataDir });
  const client = createSiteWiseClient({ ...rehearsal.siteWise, maxAttempts: 1 });
  try {
    return await use(rehearsal, client);
  } finally {
    client.destroy();
    await rehearsal.close();
  }
}
