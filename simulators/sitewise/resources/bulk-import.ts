import { randomUUID } from 'node:crypto';
import type * as sdk from '@aws-sdk/client-iotsitewise';
import { messageOf } from '../../../shared/core/index.js';
import { alreadyExists, invalidRequest, notFound } from '../api/faults.js';
import type { Handlers } from '../api/handler.js';
import { paginate } from '../api/pagination.js';
import type { Account } from './account.js';
import { type BulkFile, csvFile, parquetFile } from './values/bulk-files.js';
import { bulkLines, columnFault } from './values/bulk-lines.js';

/** Faulty lines of a file that its report lists. */
const MOST_REPORTED = 1000;

interface JobRecord extends Record<string, unknown> {
  id: string;
  status: sdk.JobStatus;
  request: sdk.CreateBulkImportJobRequest;
  createdAtMs: number;
  updatedAtMs: number;
}

/** Jobs under way, by account: they end before it is closed. */
const running = new WeakMap<Account, Set<Promise<void>>>();

const jobsOf = (account: Account) =>
  ([...account.jobs.values()] as JobRecord[]).sort(
    (a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1),
  );

/** What a job may not ask for here, said at once. */
function checkRequest(account: Account, input: sdk.CreateBulkImportJobRequest): void {
  const { csv, ...others } = input.jobConfiguration?.fileFormat ?? {};
  const formats = [...(csv === undefined ? [] : ['csv']), ...Object.keys(others)];
  if (formats.length !== 1 || !['csv', 'parquet'].includes(formats[0] ?? '')) {
    throw invalidRequest(
      `jobConfiguration.fileFormat is ${formats.join(', ') || 'not given'}: this stand-in reads csv or parquet.`,
    );
  }
  if (input.datasetId !== undefined || input.workspaceName !== undefined) {
    throw invalidRequest('Data sets and workspaces are not offered by this stand-in.');
  }
  const fault = csv === undefined ? undefined : columnFault(csv.columnNames ?? []);
  if (fault !== undefined) throw invalidRequest(`columnNames: ${fault}.`);
  if ((input.files ?? []).length === 0) throw invalidRequest('A job needs at least one file.');
  const buckets = [...(input.files ?? []), input.errorReportLocation].map((f) => f?.bucket ?? '');
  const none = buckets.find((name) => account.bucket(name) === undefined);
  if (none !== undefined) {
    throw invalidRequest(
      `There is no bucket ${none}: buckets are folders of the one that the stand-in is started with (--buckets).`,
    );
  }
}

/** Operations on bulk imports: a job is answered at once and done behind it. */
export function bulkImportHandlers(account: Account): Handlers {
  return {
    CreateBulkImportJob(input: sdk.CreateBulkImportJobRequest) {
      checkRequest(account, input);
      const taken = jobsOf(account).find((j) => j.request.jobName === input.jobName);
      if (taken !== undefined) {
        const arn = account.arn('bulk-import-job', taken.id);
        throw alreadyExists(`A job named ${input.jobName} already exists.`, taken.id, arn);
      }
      const now = account.nowMs();
      const times = { createdAtMs: now, updatedAtMs: now };
      const job: JobRecord = { id: randomUUID(), status: 'PENDING', request: input, ...times };
      account.jobs.set(job.id, job);
      begin(account, job);
      return { jobId: job.id, jobName: input.jobName, jobStatus: 'PENDING' };
    },

    DescribeBulkImportJob(input: sdk.DescribeBulkImportJobRequest) {
      const job = account.jobs.get(input.jobId ?? '') as JobRecord | undefined;
      if (job === undefined) throw notFound('Bulk import job', input.jobId ?? '');
      const { adaptiveIngestion = false, deleteFilesAfterImport = false } = job.request;
      return {
        ...job.request,
        ...{ adaptiveIngestion, deleteFilesAfterImport },
        jobId: job.id,
        jobStatus: job.status,
        jobCreationDate: new Date(job.createdAtMs),
        jobLastUpdateDate: new Date(job.updatedAtMs),
      };
    },

    ListBulkImportJobs(input: sdk.ListBulkImportJobsRequest) {
      const { filter = 'ALL' } = input;
      const jobs = jobsOf(account).filter((j) => filter === 'ALL' || j.status === filter);
      const { page, ...rest } = paginate('ListBulkImportJobs', jobs, (j) => j.id, input);
      const toSummary = (j: JobRecord) => ({
        id: j.id,
        name: j.request.jobName,
        status: j.status,
      });
      return { ...rest, jobSummaries: page.map(toSummary) };
    },
  };
}

/** Goes on with jobs that a server left when it ended; values that are there are written once more. */
export function resumeJobs(account: Account): void {
  for (const job of jobsOf(account)) {
    if (job.status === 'PENDING' || job.status === 'RUNNING') begin(account, job);
  }
}

/** Resolves when no job is under way. */
export async function jobsDone(account: Account): Promise<void> {
  await Promise.all(running.get(account) ?? []);
}

function begin(account: Account, job: JobRecord): void {
  const under = running.get(account) ?? new Set();
  running.set(account, under);
  const done = run(account, job)
    .catch((error: unknown) => {
      account.logger.error('A bulk import job failed', { job: job.id, error: messageOf(error) });
      return setStatus(account, job.id, 'FAILED');
    })
    .catch((error: unknown) => {
      account.logger.error('The state of a job could not be stored', { error: messageOf(error) });
    })
    .finally(() => under.delete(done));
  under.add(done);
}

async function setStatus(account: Account, id: string, status: sdk.JobStatus): Promise<void> {
  const job = account.jobs.get(id);
  if (job === undefined) return;
  account.jobs.set(id, { ...job, status, updatedAtMs: account.nowMs() });
  await account.commit();
}

async function run(account: Account, job: JobRecord): Promise<void> {
  const { files = [], errorReportLocation: report, deleteFilesAfterImport } = job.request;
  await setStatus(account, job.id, 'RUNNING');
  let stored = 0;
  let faulty = 0;
  for (const [i, { bucket = '', key = '' }] of files.entries()) {
    const objects = account.bucket(bucket);
    const found = await objects?.get(key);
    const done =
      found === undefined
        ? {
            stored: 0,
            faults: [[0, `There is no object ${key} in ${bucket}.`] as const],
            faulty: 1,
          }
        : await takeFile(account, job, found.body);
    stored += done.stored;
    faulty += done.faulty;
    if (done.faulty > 0) {
      const lines = done.faults.map(([line, why]) => `${line},"${why.replaceAll('"', '""')}"`);
      const body = ['line,reason', ...lines, ''].join('\n');
      const place = `${report?.prefix ?? ''}${job.id}/${i + 1}.csv`;
      await account.bucket(report?.bucket ?? '')?.put(place, Buffer.from(body));
    } else if (deleteFilesAfterImport === true) await objects?.delete(key);
  }
  const failed = stored === 0 && faulty > 0;
  const status = failed ? 'FAILED' : faulty > 0 ? 'COMPLETED_WITH_FAILURES' : 'COMPLETED';
  await setStatus(account, job.id, status);
}

/** What became of a file: `faults` are the first of its faulty lines, with the reasons. */
interface Taken {
  stored: number;
  faulty: number;
  faults: (readonly [line: number, reason: string])[];
}

async function takeFile(account: Account, job: JobRecord, body: Uint8Array): Promise<Taken> {
  const { csv } = job.request.jobConfiguration?.fileFormat ?? {};
  const taken: Taken = { stored: 0, faulty: 0, faults: [] };
  try {
    const file = csv === undefined ? await parquetFile(body) : csvFile(body, csv.columnNames ?? []);
    const fault = columnFault(file.columns);
    if (fault !== undefined) throw new Error(fault);
    await takeLines(account, file, taken);
  } catch (error) {
    // The file as a whole: no Parquet, damaged further on, or without a column that it needs.
    taken.faulty++;
    taken.faults.push([0, messageOf(error)]);
  }
  return taken;
}

/** Stores the values of a file's lines; after each batch other requests get their turn. */
async function takeLines(account: Account, file: BulkFile, taken: Taken): Promise<void> {
  const take = bulkLines(account, file.columns);
  let number = 0;
  for await (const batch of file.batches) {
    for (const cells of batch) {
      number++;
      if (cells.length === 0) continue;
      try {
        take(cells);
        taken.stored++;
      } catch (error) {
        taken.faulty++;
        if (taken.faults.length < MOST_REPORTED) taken.faults.push([number, messageOf(error)]);
      }
    }
    await account.commit();
  }
}
