import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { packageFile, TwinError, unknownNames } from '../../shared/core/index.js';
import { createTwinModel, loadTwin } from '../../shared/twin/index.js';
import { algebraicModel, type Cell, runCell } from './cell.js';
import { count, numberList, text, toggle, words } from './common/options.js';
import { defineStudy, type Job } from './common/study.js';
import { markdown } from './common/table.js';
import { buildFailingWebLine } from './failing-web-line.js';
import { SCENARIOS } from './scenarios.js';
import { addScore, newScore, rowOf, type Score } from './score.js';
import { loadTruth, RECORD_PATH, truthKey } from './truth.js';

/** A part of a cell, as large as is lost when a study is cut off. */
type Part = Job & { cell: Cell };
const SEEDS_A_PART = 5;

const titleOf = ({ scenario, filter, sigma, stride }: Cell) =>
  [scenario, filter, sigma.toExponential(0), `${stride}`] as const;

const modelIn = ({ fmu, failing }: { fmu: boolean; failing: boolean }) =>
  failing ? 'failing FMU' : fmu ? 'FMU' : 'algebra';

/** How well the filter follows the drags of a web line under many noise seeds. */
export const study = defineStudy({
  name: 'study',
  measures:
    'How well the filter follows the drags of a web line over 30 days under many noise seeds: coverage of the 95 % intervals in each phase, NIS, errors, detection, false alarms, recovery, lock-ups.',
  takes: 'about 20 s per seed, noise and stride 1; with --fmu many times as long',
  options: {
    scenario: words(`some of ${Object.keys(SCENARIOS).join(', ')}, or all`, ['record']),
    seeds: count('noise seeds', 50),
    noise: numberList('rad/s', [1e-5, 1e-4, 1e-3]),
    strides: numberList('each k-th row', [1, 3, 10], true),
    fmu: toggle('the FMU as the model instead of the line by algebra'),
    failing: toggle('an FMU whose solver fails in gross slip, now and then for good'),
    baseline: toggle('without the clipped filter', true),
    data: text('the 30-day record; without it a synthetic course', 'CSV', RECORD_PATH),
  },
  jobs({ scenario, seeds, noise, strides, baseline, data, ...options }): Part[] {
    const by = modelIn(options);
    const truth = truthKey(data);
    const names = Object.keys(SCENARIOS);
    const scenarios = scenario.includes('all') ? names : scenario;
    const unknown = scenarios.filter((s) => SCENARIOS[s] === undefined);
    if (unknown.length > 0) {
      throw new TwinError(
        'USAGE',
        `--scenario is ${unknownNames(unknown, names)}: expected some of ${names.join(', ')}.`,
      );
    }
    const filters: Cell['filter'][] =
      baseline && by === 'algebra' ? ['trend', 'clipped UKF'] : ['trend'];
    const parts = Array.from({ length: Math.ceil(seeds / SEEDS_A_PART) }, (_, part) =>
      Array.from(
        { length: Math.min(SEEDS_A_PART, seeds - part * SEEDS_A_PART) },
        (_, k) => part * SEEDS_A_PART + k + 1,
      ),
    );
    return scenarios.flatMap((name) =>
      noise.flatMap((sigma) =>
        strides.flatMap((stride) =>
          filters.flatMap((filter) =>
            parts.map((own) => {
              const cell = { scenario: name, sigma, stride, filter, seeds: own };
              const key = [...titleOf(cell), by, ...truth, own.join('+')].join('/');
              return { key, cell };
            }),
          ),
        ),
      ),
    );
  },
  async run({ cell }, { data, ...options }): Promise<Score> {
    const truth = loadTruth(data);
    const twin = await loadTwin(packageFile('shared/twins/web-line/twin.json'));
    const by = modelIn(options);
    const fmuPath = by === 'failing FMU' ? buildFailingWebLine() : twin.fmuPath;
    const model =
      by === 'algebra' ? algebraicModel : await createTwinModel({ ...twin, fmuPath }, { lanes: 1 });
    try {
      return await runCell(cell, SCENARIOS[cell.scenario]!(truth), truth.timeS, twin, model);
    } finally {
      await model.close();
      if (by === 'failing FMU') rmSync(dirname(fmuPath), { recursive: true });
    }
  },
  tables(done, { data, ...options }) {
    const cells = new Map<string, { cell: Cell; score: Score }>();
    for (const { job, result } of done) {
      const title = titleOf(job.cell).join('/');
      const known = cells.get(title) ?? { cell: job.cell, score: newScore() };
      addScore(known.score, result);
      cells.set(title, known);
    }
    const rows = [...cells.values()];
    const figures = rowOf(rows[0]?.score ?? newScore());
    return [
      `Truth: ${loadTruth(data).source}; model: ${modelIn(options)}.`,
      '',
      ...markdown(
        '',
        ['scenario', 'filter', 'σ rad/s', 'stride', 'seeds', ...Object.keys(figures)],
        rows.map(({ cell, score }) => [
          ...titleOf(cell),
          score.runs,
          ...Object.values(rowOf(score)),
        ]),
      ),
    ];
  },
});
