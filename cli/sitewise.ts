import {
  type CommandIo,
  printJson,
  printLine,
  readUserFile,
  TwinError,
} from '../shared/core/index.js';
import { AWS_QUOTAS } from '../simulators/sitewise/http/quotas.js';
import {
  LOCAL_CREDENTIALS,
  type SiteWiseOptions,
  startSiteWise,
} from '../simulators/sitewise/sitewise.js';
import { exportValues, importValues } from '../simulators/sitewise/transfer/index.js';
import type { Command } from './command.js';
import { port } from './options.js';

const dataOption = {
  flags: '--data <dir>',
  writes: 'folder' as const,
  description: 'folder of its store; kept between runs',
};

async function optionsOf(
  args: Record<string, unknown>,
  env: NodeJS.ProcessEnv,
): Promise<SiteWiseOptions> {
  const accessKeyId = env.TWINLOOP_SITEWISE_ACCESS_KEY_ID;
  const secretAccessKey = env.TWINLOOP_SITEWISE_SECRET_ACCESS_KEY;
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    throw new TwinError(
      'USAGE',
      'Set both TWINLOOP_SITEWISE_ACCESS_KEY_ID and TWINLOOP_SITEWISE_SECRET_ACCESS_KEY, or neither.',
    );
  }
  const users = args.edgeUser === undefined ? [] : [String(args.edgeUser)];
  const cert = args.cert as string | undefined;
  const key = args.key as string | undefined;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TwinError('USAGE', '--cert and --key belong together: give both PEM files.');
  }
  return {
    port: args.port as number,
    host: String(args.host),
    region: String(args.region),
    ...(args.data === undefined ? {} : { dataDir: String(args.data) }),
    ...(args.buckets === undefined ? {} : { bucketsDir: String(args.buckets) }),
    ...(args.notifications === undefined ? {} : { notificationBroker: String(args.notifications) }),
    ...(accessKeyId !== undefined && secretAccessKey !== undefined
      ? { credentials: { accessKeyId, secretAccessKey } }
      : {}),
    tls:
      cert !== undefined && key !== undefined
        ? {
            cert: (await readUserFile(cert, 'certificate')).toString(),
            key: (await readUserFile(key, 'key')).toString(),
          }
        : args.tls === true,
    ...(args.quotas === 'aws' ? { quotas: AWS_QUOTAS } : {}),
    ...(users.length === 0
      ? {}
      : {
          edgeUsers: users.map((user) => {
            const at = user.indexOf(':');
            if (at < 1) {
              throw new TwinError('USAGE', `--edge-user ${user}: expected name:password.`);
            }
            return { username: user.slice(0, at), password: user.slice(at + 1) };
          }),
        }),
  };
}

const serve: Command = {
  name: 'sitewise serve',
  summary: 'Serve the stand-in for the IoT SiteWise API on this machine',
  options: [
    { flags: '--port <n>', description: '0 takes any free one', default: 0, parse: port('--port') },
    { flags: '--host <address>', description: 'where to listen', default: '127.0.0.1' },
    { ...dataOption, description: `${dataOption.description}; left out: in memory` },
    {
      flags: '--buckets <dir>',
      description: 'folder with a folder per bucket, for bulk import jobs',
    },
    {
      flags: '--notifications <url>',
      description: 'MQTT broker for property notifications, e.g. mqtt://127.0.0.1:1883',
    },
    { flags: '--region <region>', description: 'region in ARNs', default: 'us-east-1' },
    { flags: '--tls', description: 'HTTPS with a generated certificate' },
    { flags: '--cert <file>', description: 'HTTPS with this certificate (PEM)' },
    { flags: '--key <file>', description: 'and this key (PEM)' },
    {
      flags: '--quotas <which>',
      description: "throttle as the service's default quotas do, or not",
      choices: ['aws', 'none'],
      default: 'none',
    },
    {
      flags: '--edge-user <name:password>',
      description: 'offers POST /authenticate, as a SiteWise Edge gateway does, to this user',
    },
  ],
  examples: [
    'twinloop sitewise serve --port 8444 --data .sitewise',
    'aws iotsitewise list-asset-models --endpoint-url http://127.0.0.1:8444',
  ],
  run: async (args, io: CommandIo) => {
    const siteWise = await startSiteWise({
      ...(await optionsOf(args, io.env)),
      logger: io.logger,
    });
    const { endpoint, region, credentials, ca } = siteWise;
    const wellKnown = credentials.secretAccessKey === LOCAL_CREDENTIALS.secretAccessKey;
    if (args.json === true) printJson(io.stdout, { endpoint, region, credentials, ca });
    else {
      printLine(io.stdout, endpoint);
      printLine(io.stderr, `AWS_ACCESS_KEY_ID=${credentials.accessKeyId}`);
      if (wellKnown) {
        printLine(io.stderr, `AWS_SECRET_ACCESS_KEY=${credentials.secretAccessKey}`);
      }
      printLine(io.stderr, `AWS_DEFAULT_REGION=${region}`);
      if (ca !== undefined && args.data !== undefined) {
        printLine(io.stderr, `AWS_CA_BUNDLE=${String(args.data)}/tls/certificate.pem`);
      }
    }
    try {
      await new Promise<void>((resolve) => {
        if (io.signal.aborted) resolve();
        else io.signal.addEventListener('abort', () => resolve(), { once: true });
      });
    } finally {
      await siteWise.close();
    }
    return 0;
  },
};

const exportCommand: Command = {
  name: 'sitewise export',
  summary: "Write a store's values to CSV, in the format of SiteWise's bulk import or as a table",
  options: [
    { ...dataOption, required: true },
    { flags: '--output <file>', writes: 'file', description: 'the CSV file', required: true },
    {
      flags: '--format <format>',
      description: 'bulk: one line a value, as bulk import takes it; table: one column a stream',
      choices: ['bulk', 'table'],
      default: 'bulk',
    },
    { flags: '--alias-prefix <text>', description: 'only streams whose alias begins so' },
  ],
  examples: ['twinloop sitewise export --data .sitewise --output values.csv'],
  run: async (args, io) => {
    const result = await exportValues({
      dataDir: String(args.data),
      file: String(args.output),
      format: args.format as 'bulk' | 'table',
      aliasPrefix: args.aliasPrefix as string | undefined,
    });
    if (args.json === true) printJson(io.stdout, result);
    else printLine(io.stdout, `${result.values} values of ${result.streams} streams`);
    return 0;
  },
};

const importCommand: Command = {
  name: 'sitewise import',
  summary: "Put values from a file in SiteWise's bulk import format into a store, of any age",
  arguments: [{ name: '<file>', description: 'CSV, one line a value' }],
  options: [
    { ...dataOption, required: true },
    {
      flags: '--columns <names>',
      description: 'the columns in their order, as in the bulk import job; a comma between them',
      default:
        'ALIAS,ASSET_ID,PROPERTY_ID,DATA_TYPE,TIMESTAMP_SECONDS,TIMESTAMP_NANO_OFFSET,QUALITY,VALUE',
    },
  ],
  examples: ['twinloop sitewise import values.csv --data .sitewise'],
  run: async (args, io) => {
    const result = await importValues({
      dataDir: String(args.data),
      file: String(args.file),
      columns: String(args.columns).split(','),
    });
    if (args.json === true) printJson(io.stdout, result);
    else {
      printLine(io.stdout, `${result.values} values of ${result.streams} streams`);
      for (const fault of result.faults) printLine(io.stderr, fault);
      if (result.faulty > result.faults.length) {
        printLine(io.stderr, `… and ${result.faulty - result.faults.length} more lines`);
      }
    }
    return result.faulty > 0 ? 1 : 0;
  },
};

/** Commands of the stand-in for IoT SiteWise. */
export const siteWiseCommands: readonly Command[] = [serve, exportCommand, importCommand];
