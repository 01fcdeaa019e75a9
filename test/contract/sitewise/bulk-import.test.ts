import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  CreateBulkImportJobCommand,
  DescribeBulkImportJobCommand,
  GetAssetPropertyValueCommand,
  GetAssetPropertyValueHistoryCommand,
  type IoTSiteWiseClient,
  ListBulkImportJobsCommand,
} from '@aws-sdk/client-iotsitewise';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSiteWiseClient } from '../../../shared/sitewise/index.js';
import { type SiteWise, startSiteWise } from '../../../simulators/sitewise/index.js';

let folder: string;
let siteWise: SiteWise;
let client: IoTSiteWiseClient;
const start = async () => {
  const dataDir = join(folder, 'data');
  siteWise = await startSiteWise({ dataDir, bucketsDir: join(folder, 'buckets') });
  client = createSiteWiseClient({ ...siteWise });
};
const stop = async () => {
  client.destroy();
  await siteWise.close();
};
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinloop-bulk-'));
  await mkdir(join(folder, 'buckets', 'history'), { recursive: true });
  await start();
});
afterEach(async () => {
  await stop();
  await rm(folder, { recursive: true, force: true });
});

const COLUMNS = [
  'ALIAS',
  'DATA_TYPE',
  'TIMESTAMP_SECONDS',
  'TIMESTAMP_NANO_OFFSET',
  'QUALITY',
  'VALUE',
] as const;
const put = (key: string, lines: string[]) =>
  writeFile(join(folder, 'buckets', 'history', key), `${lines.join('\n')}\n`);
const job = (jobName: string, keys: string[], more: object = {}) => ({
  jobName,
  jobRoleArn: 'arn:aws:iam::123456789012:role/import',
  files: keys.map((key) => ({ bucket: 'history', key })),
  errorReportLocation: { bucket: 'history', prefix: 'errors/' },
  jobConfiguration: { fileFormat: { csv: { columnNames: [...COLUMNS] } } },
  ...more,
});
const create = async (input: ReturnType<typeof job>) =>
  (await client.send(new CreateBulkImportJobCommand(input))).jobId ?? '';
const ended = (jobId: string) =>
  vi.waitFor(async () => {
    const answer = await client.send(new DescribeBulkImportJobCommand({ jobId }));
    expect(answer.jobStatus).not.toMatch(/PENDING|RUNNING/);
    return answer;
  }, 20_000);
const historyOf = async (propertyAlias: string) =>
  (
    await client.send(
      new GetAssetPropertyValueHistoryCommand({
        propertyAlias,
        startDate: new Date(0),
        endDate: new Date(),
        maxResults: 100,
      }),
    )
  ).assetPropertyValueHistory;

describe('bulk import jobs', () => {
  it('take values of any age from files in a bucket', async () => {
    // Years older than a put may be.
    await put('a.csv', [
      '/p/flow,DOUBLE,1600000000,5,GOOD,1.5',
      '"/p/a,b",STRING,1600000001,0,BAD,"x ""y"""',
    ]);
    await put('b.csv', ['/p/flow,DOUBLE,1600000002,,,2.5']);
    const jobId = await create(job('first', ['a.csv', 'b.csv'], { deleteFilesAfterImport: true }));
    expect(await ended(jobId)).toMatchObject({
      jobStatus: 'COMPLETED',
      jobName: 'first',
      adaptiveIngestion: false,
      deleteFilesAfterImport: true,
      jobCreationDate: expect.any(Date),
    });
    expect(await historyOf('/p/flow')).toMatchObject([
      {
        value: { doubleValue: 1.5 },
        quality: 'GOOD',
        timestamp: { timeInSeconds: 1600000000, offsetInNanos: 5 },
      },
      { value: { doubleValue: 2.5 }, quality: 'GOOD' },
    ]);
    expect(existsSync(join(folder, 'buckets', 'history', 'a.csv'))).toBe(false);
  });

  it('say of each line that is wrong why, and of a job without any right one that it failed', async () => {
    await put('a.csv', [
      '/p/flow,DOUBLE,1600000000,0,GOOD,1.5',
      '/p/flow,DOUBLE,1600000001,0,GOOD,much',
      '/p/flow,INTEGER,1600000002,0,GOOD,3',
    ]);
    const some = await create(job('some', ['a.csv', 'none.csv'], { deleteFilesAfterImport: true }));
    expect((await ended(some)).jobStatus).toBe('COMPLETED_WITH_FAILURES');
    const report = join(folder, 'buckets', 'history', 'errors', some);
    expect(await readdir(report)).toEqual(['1.csv', '2.csv']);
    const lines = (await readFile(join(report, '1.csv'), 'utf8')).split('\n');
    expect(lines[1]).toMatch(/^2,.*much/);
    expect(lines[2]).toMatch(/^3,.*holds DOUBLE, not INTEGER/);
    expect(existsSync(join(folder, 'buckets', 'history', 'a.csv'))).toBe(true);
    const none = await create(job('none', ['none.csv']));
    expect((await ended(none)).jobStatus).toBe('FAILED');
    const failed = await client.send(new ListBulkImportJobsCommand({ filter: 'FAILED' }));
    expect(failed.jobSummaries).toEqual([{ id: none, name: 'none', status: 'FAILED' }]);
    expect(
      (await client.send(new ListBulkImportJobsCommand({ maxResults: 1 }))).nextToken,
    ).toBeDefined();
  });

  it('outlive a restart', async () => {
    await put('a.csv', ['/p/flow,DOUBLE,1600000000,0,GOOD,1.5']);
    const jobId = await create(job('first', ['a.csv']));
    await stop();
    await start();
    expect((await ended(jobId)).jobStatus).toBe('COMPLETED');
    expect(await historyOf('/p/flow')).toHaveLength(1);
  });

  it.each([
    [
      'no bucket of that name',
      job('x', ['a'], { files: [{ bucket: 'nowhere', key: 'a' }] }),
      /no bucket nowhere/,
    ],
    ['a bucket that leads out', job('x', ['a'], { files: [{ bucket: '../data', key: 'a' }] }), /./],
    [
      'films',
      job('x', ['a'], { jobConfiguration: { fileFormat: { mp4: {} } } }),
      /reads csv or parquet/,
    ],
    [
      'columns that name no stream',
      job('x', ['a'], {
        jobConfiguration: {
          fileFormat: { csv: { columnNames: ['VALUE', 'DATA_TYPE', 'TIMESTAMP_SECONDS'] } },
        },
      }),
      /ALIAS/,
    ],
    ['no file', job('x', []), /at least one file/],
  ])('refuse %s', async (_name, input, message) => {
    await expect(create(input)).rejects.toMatchObject({
      name: 'InvalidRequestException',
      message: expect.stringMatching(message),
    });
    expect((await client.send(new ListBulkImportJobsCommand({}))).jobSummaries).toEqual([]);
  });

  it('say so when a file is no Parquet', async () => {
    await put('a.parquet', ['/p/flow,DOUBLE,1600000000,0,GOOD,1.5']);
    const jobConfiguration = { fileFormat: { parquet: {} } };
    const jobId = await create(job('first', ['a.parquet'], { jobConfiguration }));
    expect((await ended(jobId)).jobStatus).toBe('FAILED');
    const report = join(folder, 'buckets', 'history', 'errors', jobId, '1.csv');
    expect(await readFile(report, 'utf8')).toMatch(/^line,reason\n0,".*parquet/i);
  });

  it('have names of their own, and are not found by what is none', async () => {
    await put('a.csv', ['/p/flow,DOUBLE,1600000000,0,GOOD,1.5']);
    await ended(await create(job('first', ['a.csv'])));
    await expect(create(job('first', ['a.csv']))).rejects.toMatchObject({
      name: 'ResourceAlreadyExistsException',
    });
    const jobId = '11111111-2222-4333-8444-555555555555';
    await expect(client.send(new DescribeBulkImportJobCommand({ jobId }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });
});

const arrow = process.env.TWINLOOP_PANDAS_PYTHON;
const arrowReason =
  arrow === undefined ? ' (skipped: TWINLOOP_PANDAS_PYTHON names a Python with pyarrow)' : '';
it.skipIf(arrow === undefined)(
  `take Parquet as pyarrow writes it${arrowReason}`,
  async () => {
    const script = `
import sys, pyarrow as pa, pyarrow.parquet as pq
n = 25000
columns = {'ALIAS': ['/p/flow'] * n, 'DATA_TYPE': ['DOUBLE'] * n, 'QUALITY': ['GOOD', None] * (n // 2),
           'TIMESTAMP_SECONDS': pa.array(range(1600000000, 1600000000 + n), pa.int64()),
           'TIMESTAMP_NANO_OFFSET': pa.array([7] * n, pa.int32()), 'VALUE': [i / 4 for i in range(n)]}
pq.write_table(pa.table(columns), sys.argv[1] + '/zstd.parquet', compression='zstd', row_group_size=7000)
few = {k.lower(): v[:3] for k, v in columns.items()}
few.update(alias=['/p/on', '/p/on', '/p/flow'], data_type=['BOOLEAN', 'BOOLEAN', 'INTEGER'], value=['true', 'false', '1'])
pq.write_table(pa.table(few), sys.argv[1] + '/few.parquet', compression='snappy')
pq.write_table(pa.table({'ALIAS': ['x']}), sys.argv[1] + '/short.parquet')
`;
    await promisify(execFile)(arrow ?? '', ['-c', script, join(folder, 'buckets', 'history')]);
    const jobConfiguration = { fileFormat: { parquet: {} } };
    const files = ['zstd.parquet', 'few.parquet', 'short.parquet'];
    const jobId = await create(job('arrow', files, { jobConfiguration }));
    expect((await ended(jobId)).jobStatus).toBe('COMPLETED_WITH_FAILURES');
    const report = (file: number) =>
      readFile(join(folder, 'buckets', 'history', 'errors', jobId, `${file}.csv`), 'utf8');
    await expect(report(1)).rejects.toThrow(/ENOENT/);
    expect(await report(2)).toMatch(/^line,reason\n3,".*holds DOUBLE, not INTEGER"\n$/);
    expect(await report(3)).toMatch(/^line,reason\n0,".*DATA_TYPE.*found ALIAS"\n$/);
    expect(await historyOf('/p/on')).toMatchObject([
      { value: { booleanValue: true } },
      { value: { booleanValue: false } },
    ]);
    const newest = await client.send(
      new GetAssetPropertyValueCommand({ propertyAlias: '/p/flow' }),
    );
    expect(newest.propertyValue).toMatchObject({
      value: { doubleValue: 24999 / 4 },
      quality: 'GOOD',
      timestamp: { timeInSeconds: 1600024999, offsetInNanos: 7 },
    });
  },
  30_000,
);

const python = process.env.TWINLOOP_BOTO3_PYTHON;
const reason =
  python === undefined ? ' (needs boto3; TWINLOOP_BOTO3_PYTHON names a Python that has it)' : '';
it.skipIf(python === undefined)(
  `boto3 imports a file${reason}`,
  async () => {
    await put('a.csv', ['/p/flow,DOUBLE,1600000000,0,GOOD,1.5']);
    const script = `
import boto3, json, sys, time
from botocore.config import Config
c = boto3.client('iotsitewise', endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id=sys.argv[2],
                 aws_secret_access_key=sys.argv[3], config=Config(inject_host_prefix=False))
job = c.create_bulk_import_job(**json.loads(sys.argv[4]))
while (told := c.describe_bulk_import_job(jobId=job['jobId']))['jobStatus'] in ('PENDING', 'RUNNING'): time.sleep(0.02)
listed = c.list_bulk_import_jobs(filter='COMPLETED')['jobSummaries']
print(json.dumps([told['jobStatus'], told['jobCreationDate'].isoformat(), [j['name'] for j in listed]]))
`;
    const { accessKeyId, secretAccessKey } = siteWise.credentials;
    const child = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
      // In another process than the server's: this one must go on answering.
      execFile(
        python ?? '',
        [
          '-c',
          script,
          siteWise.endpoint,
          accessKeyId,
          secretAccessKey,
          JSON.stringify(job('first', ['a.csv'])),
        ],
        { timeout: 60_000 },
        (_error, stdout, stderr) => resolve({ stdout, stderr }),
      );
    });
    expect(child.stderr).toBe('');
    expect(JSON.parse(child.stdout)).toEqual([
      'COMPLETED',
      expect.stringMatching(/^20/),
      ['first'],
    ]);
  },
  90_000,
);
