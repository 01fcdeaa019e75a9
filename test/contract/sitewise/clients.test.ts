import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import * as sdk from '@aws-sdk/client-iotsitewise';
import { afterEach, expect, test } from 'vitest';
import { createSiteWiseClient } from '../../../shared/sitewise/index.js';
import { type SiteWise, startSiteWise } from '../../../simulators/sitewise/index.js';
import { type Caller, type Json, runScript } from './script.js';

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(tls = false): Promise<SiteWise> {
  const siteWise = await startSiteWise({ activationMs: 5, tls });
  closers.push(() => siteWise.close());
  return siteWise;
}

const environment = (siteWise: SiteWise) => ({
  ...process.env,
  AWS_ACCESS_KEY_ID: siteWise.credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: siteWise.credentials.secretAccessKey,
  AWS_SESSION_TOKEN: '',
  AWS_DEFAULT_REGION: siteWise.region,
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/nonexistent',
  AWS_PAGER: '',
  // These clients put `api.` or `data.` before the host: by way of a proxy any name will do.
  HTTP_PROXY: siteWise.endpoint,
  http_proxy: siteWise.endpoint,
  NO_PROXY: '',
  no_proxy: '',
});
/** A name that need not resolve. */
const HOST = 'http://sitewise.test';

test.each([false, true])(
  'the AWS SDK for JavaScript gets through the script (TLS: %s)',
  async (tls) => {
    const siteWise = await start(tls);
    const client = createSiteWiseClient({ ...siteWise });
    closers.push(() => client.destroy());
    const call: Caller = (operation, input) => {
      const dated = { ...input };
      const toDates = (o: Record<string, unknown>) => {
        for (const key of ['startDate', 'endDate']) {
          if (typeof o[key] === 'number') o[key] = new Date((o[key] as number) * 1000);
        }
      };
      toDates(dated);
      if (Array.isArray(dated.entries)) {
        dated.entries = dated.entries.map((e: Record<string, unknown>) => {
          const copy = { ...e };
          toDates(copy);
          return copy;
        });
      }
      const Command = (sdk as Json)[`${operation}Command`];
      return client.send(new Command(dated)).catch((error: Error) => {
        throw new Error(`${error.name}: ${error.message}`);
      });
    };
    expect(await runScript(call)).toBeGreaterThanOrEqual(30);
  },
);

/** Starts a Python program that answers each line with `{"out": …}` or `{"error": …}`. */
function startDriver(
  python: string,
  program: string,
  siteWise: SiteWise,
): (line: Json) => Promise<Json> {
  const child = spawn(python, ['-c', program, HOST], {
    env: environment(siteWise),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  closers.push(() => child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (line) => {
    child.stdin.write(`${JSON.stringify(line)}\n`);
    const { value } = await lines.next();
    const { out, error } = JSON.parse(value as string);
    if (error !== undefined) throw new Error(error);
    return out;
  };
}

/** The first Python that can import a module, if any. */
function pythonWith(
  module: string,
  candidates: readonly (string | undefined)[],
): string | undefined {
  return candidates.find(
    (p): p is string => p !== undefined && spawnSync(p, ['-c', `import ${module}`]).status === 0,
  );
}

/** The AWS CLI's own program, called again and again in one process: starting it takes a second. */
const CLI_DRIVER = `
import sys, json, io, contextlib
from awscli.clidriver import create_clidriver
driver = create_clidriver()
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = driver.main(json.loads(line))
        except SystemExit as e:
            code = e.code
    answer = {'out': out.getvalue()} if code == 0 else {'error': err.getvalue().strip() or str(code)}
    print(json.dumps(answer), flush=True)
`;

const cliPython = pythonWith('awscli.clidriver', [
  process.env.TWINLOOP_AWSCLI_PYTHON,
  '/usr/bin/python3',
  'python3',
]);
test.skipIf(cliPython === undefined)(
  'the AWS CLI gets through the script (needs a Python with awscli, e.g. Debian’s package; TWINLOOP_AWSCLI_PYTHON names it)',
  async () => {
    const siteWise = await start();
    const run = startDriver(cliPython ?? '', CLI_DRIVER, siteWise);
    const kebab = (name: string) => name.replace(/(?<!^)([A-Z])/g, '-$1').toLowerCase();
    const call: Caller = async (operation, input) => {
      const stdout: string = await run([
        ...['iotsitewise', kebab(operation), '--endpoint-url', HOST, '--no-paginate'],
        ...['--output', 'json', '--cli-input-json', JSON.stringify(input)],
      ]);
      return stdout.trim() === '' ? {} : JSON.parse(stdout);
    };
    // Debian's package may be older than some operations.
    const modern = await run(['iotsitewise', 'execute-query', '--generate-cli-skeleton']).then(
      () => true,
      () => false,
    );
    expect(await runScript(call, modern)).toBeGreaterThanOrEqual(30);
  },
  120_000,
);

const DRIVER = `
import sys, json, re, datetime, boto3
client = boto3.client('iotsitewise', endpoint_url=sys.argv[1])
def dates(o):
    for k in ('startDate', 'endDate'):
        if k in o: o[k] = datetime.datetime.fromtimestamp(o[k], datetime.timezone.utc)
for line in sys.stdin:
    operation, args = json.loads(line)
    dates(args)
    for entry in args.get('entries', []): dates(entry)
    method = re.sub(r'(?<!^)([A-Z])', r'_\\\\1', operation).lower()
    try:
        out = getattr(client, method)(**args)
        out.pop('ResponseMetadata')
        print(json.dumps({'out': out}, default=str), flush=True)
    except Exception as e:
        print(json.dumps({'error': str(e)}), flush=True)
`.replaceAll('\\\\1', '\\1');

const python = pythonWith('boto3', [process.env.TWINLOOP_BOTO3_PYTHON, 'python3']);
test.skipIf(python === undefined)(
  'boto3 gets through the script (needs a Python with boto3; TWINLOOP_BOTO3_PYTHON names it)',
  async () => {
    const siteWise = await start();
    const run = startDriver(python ?? '', DRIVER, siteWise);
    const call: Caller = (operation, input) => run([operation, input]);
    expect(await runScript(call)).toBeGreaterThanOrEqual(30);
  },
  120_000,
);
