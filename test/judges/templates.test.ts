import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pipelineFiles } from '../../cloud/deploy/pipeline-files.js';
import { writeFiles } from '../../cloud/scene/scene-files.js';
import { resourcesOf, variants } from '../support/deployed-app.js';

const run = promisify(execFile);
/** Folder with the programs `cfn-lint` and `checkov`. */
const bin = process.env.TWINLOOP_TEMPLATE_CHECKS;
const reason =
  bin === undefined
    ? ' (needs cfn-lint and checkov; TWINLOOP_TEMPLATE_CHECKS names their folder)'
    : '';

let folder = '';
const files: string[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinloop-templates-'));
  for (const [variant, stacks] of variants) {
    const place = join(folder, variant.replaceAll(' ', '-'));
    await mkdir(place);
    for (const [name, template] of stacks) {
      const file = join(place, `${name}.template.json`);
      await writeFile(file, JSON.stringify(template.toJSON()));
      files.push(file);
    }
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface CheckovResult {
  results: {
    failed_checks: { check_id: string; resource: string; file_path: string }[];
    skipped_checks: { check_id: string; check_result: { suppress_comment?: string } }[];
  };
  summary: { passed: number };
}

describe.skipIf(bin === undefined)(`the synthesized templates${reason}`, () => {
  it('have no findings of cfn-lint', async () => {
    // Exits with a code other than 0 where it finds something.
    const { stdout } = await run(join(bin ?? '', 'cfn-lint'), [
      '--regions',
      'us-east-1',
      '--',
      ...files,
    ]).catch((error: { stdout?: string }) => ({ stdout: error.stdout ?? String(error) }));
    expect(stdout.trim()).toBe('');
  }, 120_000);

  it('have no findings of checkov but those with a reason beside them', async () => {
    const args = ['-d', folder, '--framework', 'cloudformation', '--skip-download', '-o', 'json'];
    const { stdout } = await run(join(bin ?? '', 'checkov'), [...args, '--soft-fail'], {
      maxBuffer: 100_000_000,
    });
    const { results, summary } = JSON.parse(stdout) as CheckovResult;
    expect(results.failed_checks.map((c) => `${c.check_id} ${c.file_path} ${c.resource}`)).toEqual(
      [],
    );
    expect(summary.passed).toBeGreaterThan(500);
    for (const { check_result } of results.skipped_checks) {
      expect(check_result.suppress_comment).toMatch(/\w{3}.*\.$/);
    }
  }, 120_000);
});

describe.skipIf(bin === undefined)(`the files of a pipeline${reason}`, () => {
  let place = '';
  const [workflow, role] = ['.github/workflows/deploy-twinloop.yaml', 'deploy-role.yaml'];
  beforeAll(async () => {
    place = join(folder, 'pipeline');
    await writeFiles(
      place,
      pipelineFiles({
        repository: 'plant/twins',
        config: 'cloud/deploy/deployment.json',
        accountId: '123456789012',
        regions: ['eu-west-1', 'us-east-1'],
        branch: 'main',
        environment: 'production',
        qualifier: 'hnb659fds',
      }),
    );
  });

  it('are a workflow as GitHub’s schema has it', async () => {
    const program = join(bin ?? '', 'check-jsonschema');
    const args = ['--builtin-schema', 'vendor.github-workflows', join(place, workflow)];
    expect((await run(program, args)).stdout).toMatch(/ok/);
    const wrong = join(place, 'wrong.yaml');
    await writeFile(wrong, 'name: x\non: push\njobs: { a: { steps: [] } }\n');
    await expect(run(program, [...args.slice(0, 2), wrong])).rejects.toThrow();
  });

  it('have no findings of cfn-lint and checkov', async () => {
    const { stdout } = await run(join(bin ?? '', 'cfn-lint'), ['--', join(place, role)]).catch(
      (error: { stdout?: string }) => ({ stdout: error.stdout ?? String(error) }),
    );
    expect(stdout.trim()).toBe('');
    const args = ['-d', place, '--framework', 'cloudformation', 'github_actions', '--soft-fail'];
    const checked = await run(join(bin ?? '', 'checkov'), [
      ...args,
      '--skip-download',
      '-o',
      'json',
    ]);
    const reports = [JSON.parse(checked.stdout) as CheckovResult].flat() as CheckovResult[];
    expect(
      reports.flatMap((r) => r.results.failed_checks.map((c) => `${c.check_id} ${c.resource}`)),
    ).toEqual([]);
    expect(reports.reduce((sum, r) => sum + r.summary.passed, 0)).toBeGreaterThan(3);
  }, 120_000);
});

it('findings are accepted on single resources, each with a reason', () => {
  for (const template of [...variants.values()].flatMap((stacks) => [...stacks.values()])) {
    for (const [, resource] of resourcesOf(template)) {
      const { checkov } =
        (resource as { Metadata?: { checkov?: { skip: unknown[] } } }).Metadata ?? {};
      for (const accepted of checkov?.skip ?? []) {
        expect(accepted).toEqual({
          id: expect.stringMatching(/^CKV_AWS_\d+$/),
          comment: expect.stringMatching(/\.$/),
        });
      }
    }
  }
});
