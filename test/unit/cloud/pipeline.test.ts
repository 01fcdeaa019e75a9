import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadCommands } from '../../../cli/commands.js';
import { pipelineFiles } from '../../../cloud/deploy/pipeline-files.js';

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, string>;
}
interface Job {
  needs?: string;
  if?: string;
  environment?: string;
  permissions?: Record<string, string>;
  strategy?: { matrix: { region: string[] } };
  steps: Step[];
}

const files = pipelineFiles({
  repository: 'plant/twins',
  config: 'plants/one.json',
  accountId: '123456789012',
  regions: ['eu-west-1', 'us-east-1'],
  branch: 'release',
  environment: 'plant-1',
  qualifier: 'abc',
});
const workflow = parse(files.get('.github/workflows/deploy-twinloop.yaml') ?? '') as {
  permissions: Record<string, string>;
  jobs: Record<'rehearse' | 'deploy', Job>;
};
const role = parse(files.get('deploy-role.yaml') ?? '') as {
  Resources: { Role: { Properties: Record<string, never> } };
};

describe('a pipeline', () => {
  it('deploys only what was rehearsed, from its branch, with rights of its own', () => {
    const { rehearse, deploy } = workflow.jobs;
    expect(deploy).toMatchObject({
      needs: 'rehearse',
      environment: 'plant-1',
      permissions: { contents: 'read', 'id-token': 'write' },
      strategy: { matrix: { region: ['eu-west-1', 'us-east-1'] } },
    });
    expect(deploy.if).toContain("github.ref == 'refs/heads/release'");
    expect(deploy.if).toContain("github.event_name != 'pull_request'");
    // A pull request's code never sees a token.
    expect([workflow.permissions, rehearse.permissions]).toEqual([{ contents: 'read' }, undefined]);
    expect(JSON.stringify(rehearse)).not.toMatch(/role-to-assume|secrets\./);
    expect(JSON.stringify(workflow)).not.toMatch(/secrets\.|AWS_SECRET/);
  });

  it('runs commands that there are', async () => {
    const names = new Set((await loadCommands()).map((c) => c.name));
    const runs = Object.values(workflow.jobs).flatMap((j) => j.steps.flatMap((s) => s.run ?? []));
    const ours = runs.flatMap((r) => [...r.matchAll(/dist\/cli\.js (\w+ \w+)/g)].map((m) => m[1]));
    expect(ours).toEqual(['deploy local']);
    for (const name of ours) expect(names).toContain(name);
    expect(runs.filter((r) => r.includes('cdk ')).every((r) => r.includes('plants/one.json'))).toBe(
      true,
    );
  });

  it('takes a role that only its environment can take, and that can take only the bootstrap’s', () => {
    const text = JSON.stringify(role.Resources.Role.Properties);
    expect(text).toContain(
      '"token.actions.githubusercontent.com:sub":"repo:plant/twins:environment:plant-1"',
    );
    expect(text).not.toMatch(/StringLike|"\*"/);
    expect(text).toMatch(/cdk-abc-deploy-role-/);
    const credentials = workflow.jobs.deploy.steps.find((s) => s.with?.['role-to-assume']);
    expect(credentials?.with?.['role-to-assume']).toBe(
      'arn:aws:iam::123456789012:role/twinloop-deploy',
    );
  });

  it('refuses what would end up in a shell or a trust policy', async () => {
    const command = (await loadCommands()).find((c) => c.name === 'deploy pipeline');
    const parse = (flag: string) =>
      command?.options?.find((o) => o.flags.startsWith(flag))?.parse as (text: string) => unknown;
    for (const [flag, text] of [
      ['--config', 'a.json; rm -rf /'],
      ['--repository', '*'],
      ['--account', '12'],
      ['--regions', 'eu-west-1,nowhere'],
      ['--environment', '*'],
      ['--branch', 'a b'],
    ] as const) {
      expect(() => parse(flag)(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    }
  });
});
