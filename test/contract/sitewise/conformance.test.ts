import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import {
  listOperations,
  type SiteWise,
  startSiteWise,
} from '../../../simulators/sitewise/index.js';
import { createRawCaller, faultsOf, type Model, matches, mutantsOf, readModel } from './model.js';
import { runComputationModels, runMore } from './more-calls.js';
import { type Caller, runScript } from './script.js';

/** The service's own model is not part of this repository; the walk needs it beside it. */
const MODEL = 'shared/data/aws-models/iotsitewise-2019-12-02.service-2.json';
const MODEL_FILE =
  process.env.TWINLOOP_SITEWISE_MODEL ??
  // Beside the repository, or beside the folder that holds its work trees.
  [packageFile(`../${MODEL}`), packageFile(`../../${MODEL}`)].find(existsSync) ??
  '';
const REFUSALS = ['InvalidRequestException', 'SerializationException', 'UnknownOperationException'];

describe.skipIf(!existsSync(MODEL_FILE))(
  "conformance with the service's model (TWINLOOP_SITEWISE_MODEL names its file)",
  () => {
    let model: Model;
    let siteWise: SiteWise;
    let bucketsDir: string;
    const importInBulk = async (call: Caller) => {
      await writeFile(join(bucketsDir, 'history', 'a.csv'), '/bulk,DOUBLE,1600000000,1\n');
      const { jobId } = await call('CreateBulkImportJob', {
        jobName: 'history of line 1',
        jobRoleArn: 'arn:aws:iam::123456789012:role/import',
        files: [{ bucket: 'history', key: 'a.csv' }],
        errorReportLocation: { bucket: 'history', prefix: 'errors/' },
        jobConfiguration: {
          fileFormat: {
            csv: { columnNames: ['ALIAS', 'DATA_TYPE', 'TIMESTAMP_SECONDS', 'VALUE'] },
          },
        },
      });
      await call('DescribeBulkImportJob', { jobId });
      await call('ListBulkImportJobs', { filter: 'ALL', maxResults: 10 });
    };
    const valid = new Map<string, Record<string, unknown>[]>();
    const answered = new Map<string, number>();
    const refused = new Map<string, number>();
    const faults: string[] = [];
    const implemented = listOperations()
      .filter((o) => o.implemented)
      .map((o) => o.name as string);

    beforeAll(async () => {
      model = readModel(MODEL_FILE);
      bucketsDir = await mkdtemp(join(tmpdir(), 'twinloop-buckets-'));
      await mkdir(join(bucketsDir, 'history'));
      siteWise = await startSiteWise({ activationMs: 2, bucketsDir });
      const raw = createRawCaller(model, siteWise);
      const call: Caller = async (operation, input) => {
        const answer = await raw(operation, input);
        if (answer.status >= 400) throw new Error(`${answer.errorType}: ${answer.body.message}`);
        const { http, output } = model.operations[operation] ?? {};
        if (answer.status !== (http?.responseCode ?? 200)) {
          faults.push(`${operation}: status ${answer.status}`);
        }
        if (output !== undefined) {
          faults.push(...faultsOf(model, output.shape, answer.body, operation));
        }
        answered.set(operation, (answered.get(operation) ?? 0) + 1);
        valid.set(operation, [...(valid.get(operation) ?? []), input]);
        return answer.body;
      };
      await runScript(call);
      await runMore(call);
      await runComputationModels(call);
      await importInBulk(call);
    });
    afterAll(async () => {
      const lines = implemented.map(
        (name) =>
          `${name.padEnd(46)} ${String(answered.get(name) ?? 0).padStart(4)} valid answered, ${String(refused.get(name) ?? 0).padStart(4)} invalid refused`,
      );
      console.log(`${lines.join('\n')}\n${implemented.length} operations`);
      await siteWise.close();
      await rm(bucketsDir, { recursive: true, force: true });
    });

    test('every operation of the model is known, and no other', () => {
      expect(listOperations().map((o) => o.name)).toEqual(Object.keys(model.operations).sort());
    });

    test('valid requests are answered as the model says, for every operation offered', () => {
      expect(implemented.filter((name) => !answered.has(name))).toEqual([]);
      expect([...new Set(faults)]).toEqual([]);
    });

    test.each(implemented)('%s refuses what the model forbids', async (operation) => {
      const raw = createRawCaller(model, siteWise);
      const taken: string[] = [];
      const inputs = valid.get(operation) ?? [];
      // The fullest of the valid inputs has the most places to break.
      const [input = {}] = [...inputs].sort(
        (a, b) => JSON.stringify(b).length - JSON.stringify(a).length,
      );
      for (const mutant of mutantsOf(model, operation, input)) {
        const answer = await raw(operation, mutant.input);
        if (!REFUSALS.includes(answer.errorType ?? '')) {
          taken.push(`${mutant.what} → ${answer.status} ${answer.errorType ?? ''}`);
        } else refused.set(operation, (refused.get(operation) ?? 0) + 1);
      }
      expect(taken).toEqual([]);
    });

    test('any text that breaks a pattern is refused', async () => {
      const raw = createRawCaller(model, siteWise);
      const targets = [...valid].flatMap(([operation, [input = {}]]) => {
        const shape = model.shapes[model.operations[operation]?.input?.shape ?? ''];
        return Object.entries(shape?.members ?? {})
          .filter(([, m]) => m.location === undefined)
          .map(([name, m]) => ({ operation, input, name, shape: model.shapes[m.shape] }))
          .filter((t) => t.shape?.type === 'string' && t.shape.pattern !== undefined);
      });
      const anyTarget = fc.constantFrom(...targets);
      await fc.assert(
        fc.asyncProperty(
          anyTarget,
          fc.string({ unit: 'binary', maxLength: 80 }),
          async (t, text) => {
            fc.pre(!matches(t.shape?.pattern ?? '', text));
            const answer = await raw(t.operation, { ...t.input, [t.name]: text });
            expect(REFUSALS).toContain(answer.errorType);
          },
        ),
        { numRuns: 300 },
      );
    });
  },
);
