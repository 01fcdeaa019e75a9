import { join } from 'node:path';
import { type CommandIo, printJson, printLine, TwinError } from '../shared/core/index.js';
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

/** A text of a form. */
const formed =
  (flag: string, form: RegExp, expected: string) =>
  (text: string): string => {
    if (form.test(text)) return text;
    throw new TwinError('USAGE', `${flag} is "${text}": expected ${expected}.`);
  };
const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;

/** `twinloop deploy pipeline`: deployments by GitHub Actions, without stored keys. */
const pipelineCommand: Command = {
  name: 'deploy pipeline',
  summary: 'Write a GitHub Actions workflow that deploys, and the role that it takes (OIDC)',
  options: [
    {
      flags: '--to <dir>',
      writes: 'folder',
      description: 'the repository’s folder: the workflow goes below .github/workflows',
      required: true,
    },
    {
      flags: '--repository <owner/name>',
      description: 'the repository on GitHub',
      required: true,
      parse: formed('--repository', /^[\w.-]+\/[\w.-]+$/, 'owner/name'),
    },
    {
      flags: '--account <id>',
      description: 'the AWS account that is deployed to',
      required: true,
      parse: formed('--account', /^\d{12}$/, 'twelve digits'),
    },
    {
      flags: '--regions <list>',
      description: 'with commas between them, one after the other',
      required: true,
      parse: (text) =>
        text.split(',').map(formed('--regions', REGION, 'Regions such as eu-west-1,us-east-1')),
    },
    {
      flags: '--config <file>',
      description: 'the deployment’s file, as the repository has it',
      default: 'cloud/deploy/deployment.json',
      parse: formed('--config', /^[\w./-]+$/, 'a path of letters, digits, ., -, _ and /'),
    },
    {
      flags: '--branch <name>',
      description: 'the branch that is deployed',
      default: 'main',
      parse: formed('--branch', /^[\w./-]+$/, 'a branch'),
    },
    {
      flags: '--environment <name>',
      description: 'GitHub’s environment, whose reviewers guard the deployment',
      default: 'production',
      parse: formed('--environment', /^[\w.-]+$/, 'a name of letters, digits, ., - and _'),
    },
    {
      flags: '--qualifier <text>',
      description: 'of `cdk bootstrap`',
      default: 'hnb659fds',
      parse: formed('--qualifier', /^[a-z0-9]{1,10}$/, 'up to ten small letters and digits'),
    },
  ],
  examples: [
    'twinloop deploy pipeline --to . --repository plant/twins --account 123456789012 --regions eu-west-1',
  ],
  async run(args, io) {
    const { pipelineFiles } = await import('../cloud/deploy/pipeline-files.js');
    const { writeFiles } = await import('../cloud/scene/scene-files.js');
    const files = pipelineFiles({
      repository: String(args.repository),
      accountId: String(args.account),
      regions: args.regions as string[],
      config: String(args.config),
      branch: String(args.branch),
      environment: String(args.environment),
      qualifier: String(args.qualifier),
    });
    const written = await writeFiles(String(args.to), files);
    if (args.json === true) printJson(io.stdout, { files: written });
    else for (const file of written) printLine(io.stdout, file);
    return 0;
  },
};

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
    pipelineCommand,
  ];
}
