import { execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
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

/** The AWS CLI to try, e.g. `aws`: a process a call takes about a minute, so it has to be asked for. */
const aws = process.env.TWINLOOP_AWS_CLI;
test.skipIf(aws === undefined)(
  'the AWS CLI gets through the script (set TWINLOOP_AWS_CLI=aws to run it)',
  async () => {
    const siteWise = await start();
    const env = environment(siteWise);
    const kebab = (name: string) => name.replace(/(?<!^)([A-Z])/g, '-$1').toLowerCase();
    const call: Caller = async (operation, input) => {
      const { stdout } = await promisify(execFile)(
        aws ?? '',
        [
          'iotsitewise',
          kebab(operation),
          '--endpoint-url',
          HOST,
          '--no-paginate',
          '--output',
          'json',
          '--cli-input-json',
          JSON.stringify(input),
        ],
        { env },
      );
      return stdout.trim() === '' ? {} : JSON.parse(stdout);
    };
    // Debian's package may be older than some operations.
    const skeleton = ['iotsitewise', 'execute-query', '--generate-cli-skeleton'];
    const modern = spawnSync(aws ?? '', skeleton, { env }).status === 0;
    expect(await runScript(call, modern)).toBeGreaterThanOrEqual(30);
  },
  180_000,
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

/** A Python that has boto3: named by TWINLOOP_BOTO3_PYTHON, or the system's. */
const python = [process.env.TWINLOOP_BOTO3_PYTHON, 'python3']
  .filter((p) => p !== undefined)
  .find(
    (p) =>
      (p.includes('/') ? existsSync(p) : true) && spawnSync(p, ['-c', 'import boto3']).status === 0,
  );
test.skipIf(python === undefined)(
  'boto3 gets through the script (needs a Python with boto3; TWINLOOP_BOTO3_PYTHON names it)',
  async () => {
    const siteWise = await start();
    const child = spawn(python ?? '', ['-c', DRIVER, HOST], {
      env: environment(siteWise),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    closers.push(() => child.kill());
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const call: Caller = async (operation, input) => {
      child.stdin.write(`${JSON.stringify([operation, input])}\n`);
      const { value } = await lines.next();
      const { out, error } = JSON.parse(value as string);
      if (error !== undefined) throw new Error(error);
      return out;
    };
    expect(await runScript(call)).toBeGreaterThanOrEqual(30);
  },
  120_000,
);
