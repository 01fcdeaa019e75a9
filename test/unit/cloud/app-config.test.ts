import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadDeployment } from '../../../cloud/deploy/build-app.js';
import { loadComponent } from '../../../cloud/deploy/component-build.js';
import { deploymentSchema, parseConfig } from '../../../shared/config/index.js';

const built = { name: 'com.example.Edge', version: '1.2.3' };
const RECIPE = `ComponentName: ${built.name}
ComponentVersion: ${built.version}
Manifests:
  - Artifacts:
      - URI: s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/edge.zip
`;

test('a component that was not built, or not for all platforms, is refused with what to do', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'twinloop-component-'));
  try {
    await expect(loadComponent(folder)).rejects.toThrow(/recipe.yaml.*npm run build:component/);
    await mkdir(join(folder, 'recipes'));
    await mkdir(join(folder, 'artifacts', built.name, built.version), { recursive: true });
    await writeFile(join(folder, 'recipes/recipe.yaml'), RECIPE);
    await expect(loadComponent(folder)).rejects.toThrow(/lacks edge.zip/);
    await writeFile(join(folder, 'artifacts', built.name, built.version, 'edge.zip'), '');
    expect(await loadComponent(folder)).toMatchObject({ name: built.name, version: built.version });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a run that could outlast its job is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'twinloop-deployment-'));
  try {
    const fleet = { name: 'f', twins: { t: './t.json' }, assets: [{ id: 'a1', twin: 't' }] };
    await writeFile(join(folder, 'fleet.json'), JSON.stringify(fleet));
    const path = join(folder, 'deployment.json');
    await writeFile(
      path,
      JSON.stringify({ fleet: './fleet.json', compute: { timeoutMinutes: 10 } }),
    );
    await expect(loadDeployment(path)).rejects.toThrow(/maxRunS: found 600: expected at most 540/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a wrong deployment names every problem', () => {
  expect(() =>
    parseConfig(
      deploymentSchema,
      { fleet: '', schedule: { everyMinutes: 5 }, compute: { type: 'lambda' }, colour: 1 },
      'deployment.json',
    ),
  ).toThrow(/4 problems|3 problems/);
  expect(() =>
    parseConfig(deploymentSchema, { fleet: 'f', schedule: { everyMinutes: 5 } }, 'deployment.json'),
  ).toThrow(/timeoutMinutes.*less than schedule.everyMinutes/);
  expect(() =>
    parseConfig(deploymentSchema, { fleet: 'f', compute: { memoryMiB: 1024 } }, 'deployment.json'),
  ).toThrow(/memoryMiB.*2048 to 8192 MiB/);
});

test.each([
  [{ compute: { network: { vpcId: 'vpc-1', subnetIds: [] } } }, 'subnetIds'],
  [
    { compute: { network: { vpcId: 'vpc-1', subnetIds: ['subnet-1'] }, privateNetwork: true } },
    'privateNetwork',
  ],
  [{ keyArn: 'alias/mine' }, 'keyArn'],
  [{ alarms: { slack: { workspaceId: 'mine', channelId: 'C1' } } }, 'workspaceId'],
])('%j is refused, naming %s', (config, path) => {
  const { error } = deploymentSchema.safeParse({ fleet: 'fleet.json', ...config });
  expect(error?.issues.map((i) => i.path.at(-1) ?? i.path.at(-2))).toContain(path);
});
