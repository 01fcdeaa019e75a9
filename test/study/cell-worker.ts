import { parentPort, workerData } from 'node:worker_threads';
import { packageFile } from '../../shared/core/index.js';
import { createTwinModel, loadTwin } from '../../shared/twin/index.js';
import { algebraicModel, type Cell, runCell } from './cell.js';
import { SCENARIOS } from './scenarios.js';
import { loadTruth } from './truth.js';

/** One of the study's threads: a cell in, its score out. */
const { data, fmu } = workerData as { data: string; fmu: boolean };
const truth = loadTruth(data);
const twin = await loadTwin(packageFile('shared/twins/web-line/twin.json'));
const model = fmu ? await createTwinModel(twin, { lanes: 1 }) : algebraicModel;
parentPort!.on('message', async (cell: Cell | undefined) => {
  if (cell === undefined) {
    await model.close();
    parentPort!.close();
    return;
  }
  const scenario = SCENARIOS[cell.scenario]!(truth);
  parentPort!.postMessage(await runCell(cell, scenario, truth.timeS, twin, model));
});
