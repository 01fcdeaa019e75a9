import { join } from 'node:path';
import { type CommandIo, printJson, printLine } from '../shared/core/index.js';
import type { DeployReport, JobEntry, RehearsedJob } from '../simulators/cloudformation/index.js';
import type { Command } from './command.js';

/** Where a rehearsal is kept unless another folder is named. */
const DATA = '.twinloop/deployment';

function counts(types: Readonly<Record<string, number>>): string {
  return Object.entries(types)
    .map(([type, count]) => (count === 1 ? type : `${count} × ${type}`))
    .join(', ');
}

function printDeployment(report: DeployReport, io: CommandIo): void {
  const { created, updated, replaced, deleted, retained, unchanged } = report;
  printLine(
    io.stdout,
    `${created.length} created, ${updated.length} updated, ${replaced.length} replaced, ${deleted.length} deleted, ${unchanged} unchanged`,
  );
  for (const [what, places] of Object.entries({ updated, replaced, deleted })) {
    for (const place of places) printLine(io.stdout, `  ${what} ${place}`);
  }
  for (const place of retained) {
    printLine(io.stdout, `  ${place} is no longer described, and kept as its DeletionPolicy says`);
  }
  if (Object.keys(report.describedOnly).length > 0) {
    printLine(io.stdout, `Without a stand-in, so only noted: ${counts(report.describedOnly)}`);
  }
  if (Object.keys(report.ignored).length > 0) {
    printLine(io.stdout, `Passed over: ${counts(report.ignored)}`);
  }
  for (const [name, value] of Object.entries(report.outputs)) {
    printLine(io.stdout, `${name} = ${String(value)}`);
  }
}

interface WorkerReport {
  assets: { asset: string; outcome: string; error?: { message: string } }[];
}

/** The report that the worker printed; undefined where it ended before it had one. */
function reportIn(stdout: string): WorkerReport | undefined {
  const at = stdout.indexOf('{');
  try {
    return at < 0 ? undefined : (JSON.parse(stdout.slice(at)) as WorkerReport);
  } catch {
    // Its exit code and what it wrote to stderr are shown.
    return undefined;
  }
}

function printRun(run: RehearsedJob, io: CommandIo): void {
  const { role, index, exitCode, denied, stdout, stderr } = run;
  printLine(io.stdout, `Job ${index} as ${role}: exit code ${exitCode}`);
  for (const { asset, outcome, error } of reportIn(stdout)?.assets ?? []) {
    printLine(
      io.stdout,
      `  ${asset}: ${outcome}${error === undefined ? '' : `, ${error.message}`}`,
    );
  }
  for (const line of denied) printLine(io.stdout, `  DENIED ${line}`);
  if (exitCode !== 0) {
    for (const line of stderr.trim().split('\n').slice(-5)) printLine(io.stdout, `  ${line}`);
  }
}

/** `twinloop deploy local`: the synthesized templates, rehearsed in the stand-ins. */
export function deployCommands(worker: JobEntry): readonly Command[] {
  return [
    {
      name: 'deploy local',
      summary: 'Deploy what `cdk synth` wrote into stand-ins on this machine, policies included',
      arguments: [{ name: '<cdk.out>', description: 'folder that `npx cdk synth` wrote' }],
      options: [
        {
          flags: '--data <dir>',
          writes: 'folder',
          description: 'where everything that is deployed is kept',
          default: DATA,
        },
        {
          flags: '--ignore <type...>',
          description: 'types of resources to pass over that the rehearsal does not know',
        },
        {
          flags: '--run',
          description:
            'then run the scheduled jobs once, each with exactly the permissions of its role',
        },
      ],
      examples: [
        'npx cdk synth --quiet && twinloop deploy local cdk.out',
        'twinloop deploy local cdk.out --run',
      ],
      async run(args, io) {
        const { deployLocally, startRehearsal } = await import(
          '../simulators/cloudformation/index.js'
        );
        const dataDir = String(args.data);
        const options = { dataDir, ignore: (args.ignore as string[] | undefined) ?? [] };
        const report = await deployLocally(String(args['cdk.out'] ?? args.cdkOut), {
          ...options,
          logger: io.logger,
        });
        if (args.run !== true) {
          if (args.json === true) printJson(io.stdout, report);
          else {
            printDeployment(report, io);
            printLine(
              io.stdout,
              `Values are in ${join(dataDir, 'sitewise')}, objects in ${join(dataDir, 'buckets')}`,
            );
          }
          return 0;
        }
        if (args.json !== true) printDeployment(report, io);
        const rehearsal = await startRehearsal({ ...options, logger: io.logger });
        let runs: RehearsedJob[];
        try {
          runs = await rehearsal.runJobs(worker, io.signal);
        } finally {
          await rehearsal.close();
        }
        if (args.json === true) printJson(io.stdout, { ...report, runs });
        else for (const run of runs) printRun(run, io);
        return runs.some((r) => r.exitCode !== 0 || r.denied.length > 0) ? 1 : 0;
      },
    },
  ];
}
