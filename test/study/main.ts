import { TwinError } from '../../shared/core/index.js';
import { type Ran, runJobs } from './common/jobs.js';
import { readArguments, runCalled } from './common/options.js';
import { Results } from './common/results.js';
import { machineName } from './common/table.js';
import { STUDIES } from './studies.js';

/** Runs a study: `node main.js NAME [options]`, as the scripts `study` and `study:NAME` do. */
async function main([name = '', ...args]: string[]): Promise<number> {
  const load = STUDIES[name];
  if (load === undefined) {
    throw new TwinError(
      'USAGE',
      `There is no study "${name}": expected one of ${Object.keys(STUDIES).join(', ')}.`,
    );
  }
  const study = await load();
  const read = readArguments(study, args);
  if (read === undefined) return 0;
  const { given, common } = read;
  const jobs = await study.jobs(given);
  const lacking = study.lacks?.(given);
  if (lacking !== undefined) {
    console.error(lacking);
    return 1;
  }
  const results = new Results(common.results);
  const ran: Ran = { done: [], failed: [] };
  const print = () => {
    const asked = [`npm run ${study.name}`, ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
    const of = `${ran.done.length} of ${jobs.length} pieces of work`;
    console.log(`Measured by \`${asked}\` on ${machineName()}; ${of}.\n`);
    for (const line of study.tables(ran.done, given)) console.log(line);
    if (ran.failed.length === 0) return;
    console.log(`${ran.failed.length} ended in an error:\n`);
    for (const line of ran.failed) console.log(`- ${line}`);
  };
  // What is cut short tells what it has.
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => {
      print();
      process.exit(code);
    });
  }
  await runJobs(study, name, jobs, given, common.jobs, results, ran);
  print();
  return ran.failed.length > 0 ? 1 : 0;
}

await runCalled(() => main(process.argv.slice(2)));
