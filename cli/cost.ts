import { connectStore } from '../cloud/connections.js';
import { REFRESH_S, WINDOW_H } from '../cloud/dashboards/pace.js';
import { readDeploymentFiles, readTwins } from '../cloud/deploy/deployment-files.js';
import { byService, type Estimate, estimateCost } from '../cloud/operations/cost/estimate.js';
import { checkLoad, type LoadCheck } from '../cloud/operations/cost/load.js';
import {
  loadPriceList,
  loadQuotaList,
  type PriceList,
} from '../cloud/operations/cost/price-list.js';
import { type MeasuredRunTime, measuredRunTime } from '../cloud/operations/cost/run-time.js';
import { type Assumptions, scaled, seedUsage, usageOf } from '../cloud/operations/cost/usage.js';
import {
  type CommandIo,
  packageFile,
  printJson,
  printLine,
  TwinError,
} from '../shared/core/index.js';
import type { Command, CommandOption } from './command.js';
import { numberIn, numbersIn } from './options.js';

/** What is assumed where neither files nor options tell. */
const DEFAULTS: Assumptions = {
  intervalS: 10,
  batchWaitS: 10,
  stepS: 0.1,
  jobStartS: 30,
  retentionDays: 30,
  editors: 1,
  viewers: 0,
  dashboardHours: 40,
  refreshS: REFRESH_S,
  windowHours: WINDOW_H,
  assetsPerGateway: 10,
};
const FLEET_SIZES = '1,100,10000';

function assumption(
  name: keyof Assumptions,
  flag: string,
  placeholder: string,
  description: string,
  least = 0,
): CommandOption & { name: keyof Assumptions } {
  return {
    name,
    flags: `${flag} <${placeholder}>`,
    description: `${description} (default: ${DEFAULTS[name]})`,
    parse: numberIn(flag, { from: least }),
  };
}

const ASSUMPTIONS = [
  assumption('intervalS', '--interval', 's', 'seconds between two readings of a stream', 1e-3),
  assumption('batchWaitS', '--batch-wait', 's', 'seconds that the gateway collects values', 0),
  assumption('stepS', '--step-time', 's', 'wall time of a calibration step; --store measures it'),
  assumption('jobStartS', '--job-start', 's', 'from the start of a job to its first step'),
  assumption('retentionDays', '--retention', 'days', 'days in SiteWise’s hot tier', 0),
  assumption('editors', '--editors', 'n', 'people who may edit in Grafana'),
  assumption('viewers', '--viewers', 'n', 'people who only look'),
  assumption('dashboardHours', '--dashboard-hours', 'h', 'hours a month that a dashboard is open'),
  assumption('refreshS', '--refresh', 's', 'seconds between refreshes of a dashboard', 1),
  assumption('windowHours', '--window', 'h', 'hours that a dashboard shows', 0.01),
  assumption('assetsPerGateway', '--assets-per-gateway', 'n', 'assets behind one gateway', 1),
];

const fleetSizes = numbersIn('--fleet-sizes', { whole: true, from: 1 });

/** What `twinloop cost --json` prints. */
export interface CostReport {
  currency: 'USD';
  assets: number;
  estimate: Estimate;
  /** The seed project's settings at the same prices. */
  seed: Estimate;
  fleetSizes: { assets: number; totalUsd: number; perAssetUsd: number; checks: LoadCheck[] }[];
  assumptions: Assumptions;
  measured: MeasuredRunTime | null;
  prices: PriceList['prices'];
}

async function cost(args: Record<string, unknown>, io: CommandIo): Promise<CostReport> {
  const path = (args.config as string | undefined) ?? packageFile('cloud/deploy/deployment.json');
  const deployment = await readDeploymentFiles(path);
  const files = { ...deployment, ...(await readTwins(deployment)) };
  const prices = await loadPriceList(args.prices as string | undefined);
  const quotas = await loadQuotaList();
  const sizes = fleetSizes((args.fleetSizes as string | undefined) ?? FLEET_SIZES);
  const assumed: Assumptions = { ...DEFAULTS };
  for (const { name, flags } of ASSUMPTIONS) {
    const flag = flags.slice(2, flags.indexOf(' '));
    const given = args[flag.replace(/-(.)/g, (_, c: string) => c.toUpperCase())];
    if (given !== undefined) assumed[name] = given as number;
  }
  let measured: MeasuredRunTime | undefined;
  if (args.store !== undefined) {
    const store = connectStore(String(args.store), {}, io.env);
    measured = await measuredRunTime(store, files.fleet.name);
    if (measured === undefined) {
      throw new TwinError(
        'NOT_FOUND',
        `The store ${String(args.store)} has no report of a run of the fleet ${files.fleet.name} with a step in it: run the worker first, or give --step-time.`,
      );
    }
    if (args.stepTime === undefined) assumed.stepS = measured.stepS;
  }
  const usage = usageOf(files, assumed);
  const context = { fleet: files.fleet, assumed };
  return {
    currency: 'USD',
    assets: usage.assets,
    estimate: estimateCost(usage, prices),
    seed: estimateCost(seedUsage(assumed), prices),
    fleetSizes: sizes.map((assets) => {
      const larger = scaled(usage, context, assets);
      const { totalUsd } = estimateCost(larger, prices);
      return {
        assets,
        totalUsd,
        perAssetUsd: totalUsd / assets,
        checks: checkLoad(larger, files.config, files.fleet, quotas),
      };
    }),
    assumptions: assumed,
    measured: measured ?? null,
    prices: prices.prices,
  };
}

const money = (usd: number) => (usd === 0 ? '–' : usd < 0.005 ? '< 0.01' : usd.toFixed(2));
const count = (n: number) =>
  n >= 100 ? Math.round(n).toLocaleString('en') : String(Number(n.toPrecision(3)));

const assetsOf = (n: number) => `${count(n)} ${n === 1 ? 'asset' : 'assets'}`;

function printReport(report: CostReport, io: CommandIo): void {
  const say = (text: string) => printLine(io.stdout, text);
  const { prices } = report;
  say(`USD a month, ${assetsOf(report.assets)}`);
  say('');
  for (const l of report.estimate.lines) {
    const { usd, per, unit } = prices[l.price];
    const of = per === 1 ? unit : `${per.toLocaleString('en')} ${unit}`;
    say(
      `${l.service.padEnd(22)}${l.what.padEnd(31)}${`${count(l.amount)} ${unit}`.padStart(24)}${`${usd} / ${of}`.padStart(30)}${money(l.usd).padStart(11)}`,
    );
  }
  say(`${'Total'.padEnd(107)}${money(report.estimate.totalUsd).padStart(11)}`);
  say('');
  say(
    'Beside the settings it began with (a 40-vCPU job each minute, two NAT gateways, 5 s refresh)',
  );
  const ours = new Map(byService(report.estimate).map((s) => [s.service, s.usd]));
  const seed = new Map(byService(report.seed).map((s) => [s.service, s.usd]));
  for (const service of new Set([...ours.keys(), ...seed.keys()])) {
    say(
      `${service.padEnd(22)}${money(ours.get(service) ?? 0).padStart(12)}${money(seed.get(service) ?? 0).padStart(12)}`,
    );
  }
  say(
    `${'Total'.padEnd(22)}${money(report.estimate.totalUsd).padStart(12)}${money(report.seed.totalUsd).padStart(12)}`,
  );
  for (const size of report.fleetSizes) {
    say('');
    say(
      `${assetsOf(size.assets)}: ${money(size.totalUsd)} a month, ${money(size.perAssetUsd)} each`,
    );
    for (const c of size.checks) {
      const verdict = c.ok ? '✔' : '✖';
      say(`  ${verdict} ${c.what}: ${count(c.load)} of ${count(c.limit)} ${c.unit}`);
      if (!c.ok) say(`      ${c.remedy}`);
    }
  }
  say('');
  const { measured } = report;
  const how =
    measured === null
      ? 'assumed'
      : `measured over ${measured.runs} runs with ${measured.steps} steps`;
  say(`A calibration step takes ${count(report.assumptions.stepS)} s (${how}). Assumed besides:`);
  for (const { name, description } of ASSUMPTIONS) {
    if (name === 'stepS') continue;
    say(`  ${description.replace(/ \(default.*/, '')}: ${report.assumptions[name]}`);
  }
  say('');
  say('Prices (region, month read, source):');
  for (const name of new Set(
    [...report.estimate.lines, ...report.seed.lines].map((l) => l.price),
  )) {
    const p = prices[name];
    say(
      `  ${name.padEnd(24)}${p.region.padEnd(12)}${p.asOf}  ${p.source}${p.note === undefined ? '' : `  (${p.note})`}`,
    );
  }
}

/** `twinloop cost`: what a deployment costs a month. */
export const costCommand: Command = {
  name: 'cost',
  summary: 'What a deployment costs a month, by service, and what a larger fleet would',
  options: [
    {
      flags: '--config <file>',
      description: 'deployment file (default: the example, cloud/deploy/deployment.json)',
    },
    {
      flags: '--store <dir|s3://…>',
      description: 'measure a step’s time from the reports of runs in this store',
    },
    {
      flags: '--fleet-sizes <n,…>',
      description: `sizes to extrapolate to (default: ${FLEET_SIZES})`,
    },
    { flags: '--prices <file>', description: 'a price list of your own, e.g. of another region' },
    ...ASSUMPTIONS.map(({ name: _, ...option }) => option),
  ],
  examples: [
    'twinloop cost --config deployment.json --interval 1',
    'twinloop cost --config deployment.json --store .twinloop/state --fleet-sizes 50,500 --json',
  ],
  async run(args, io) {
    const report = await cost(args, io);
    if (args.json === true) printJson(io.stdout, report);
    else printReport(report, io);
    return 0;
  },
};
