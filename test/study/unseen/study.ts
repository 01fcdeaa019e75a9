import { hasCompiler } from '../../unit/fmi/fixture-fmus.js';
import { checkWords, chosen, count, words } from '../common/options.js';
import { defineStudy, type Job } from '../common/study.js';
import { CONDITIONS } from './conditions.js';
import { MACHINES } from './machines.js';
import { type RunResult, runOne } from './run.js';
import { tables } from './table.js';

/** A machine's record under a condition. */
type Recorded = Job & { machine: string; condition: string; seed: number };
const nameOf = ({ name }: { name: string }) => name;

/** Machines that the estimators were not made for. */
export const study = defineStudy({
  name: 'study:unseen',
  measures:
    'Eight machines that the estimators were not made for, under twenty-six conditions, judged as a user meets them: fit and calibrate with defaults.',
  takes: 'about 10 s a record of 120 rows; all of 12 seeds and 300 rows some days on two cores',
  options: {
    seeds: count('records of each machine and condition', 12),
    rows: count('samples of a record', 300, 40),
    only: words('machines and conditions whose names contain one of these; all where none does'),
  },
  lacks: () =>
    hasCompiler ? undefined : 'study:unseen builds its FMUs with a C compiler, and there is none.',
  jobs({ seeds, rows, only }): Recorded[] {
    checkWords(only, [...MACHINES, ...CONDITIONS].map(nameOf));
    // Seeds outermost: a run that is cut short has seen every machine and condition.
    return Array.from({ length: seeds }, (_, k) => k + 1).flatMap((seed) =>
      chosen(CONDITIONS, only, nameOf).flatMap((condition) =>
        chosen(MACHINES, only, nameOf).map((machine) => ({
          key: `${machine.name}/${condition.name}/${seed}/${rows}`,
          machine: machine.name,
          condition: condition.name,
          seed,
        })),
      ),
    );
  },
  run(job, { rows }): Promise<RunResult> {
    const machine = MACHINES.find((m) => m.name === job.machine)!;
    const condition = CONDITIONS.find((c) => c.name === job.condition)!;
    return runOne(machine, condition, job.seed, rows);
  },
  tables: (done) => tables(done.map((d) => d.result)),
});
