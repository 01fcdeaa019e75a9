import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateEntityCommand,
  CreateSceneCommand,
  CreateWorkspaceCommand,
} from '@aws-sdk/client-iottwinmaker';
import { afterEach, expect, test } from 'vitest';
import { packageFile } from '../../shared/core/index.js';
import { createFolderStore } from '../../shared/store/index.js';
import { startS3 } from '../../simulators/s3/index.js';
import { createTwinMakerClient, startTwinMaker } from '../../simulators/twinmaker/index.js';
import { outputOf } from '../support/child-output.js';
import { LEVELS, SPEEDS, startPump } from '../support/pump.js';

const kit = process.env.TWINLOOP_IOT_APP_KIT;
const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

test.skipIf(kit === undefined)(
  'iot-app-kit’s sources draw from the stand-ins for SiteWise, TwinMaker and S3 [needs iot-app-kit: TWINLOOP_IOT_APP_KIT]',
  async () => {
    const pump = await startPump();
    closers.push(() => pump.close());
    const { credentials, region } = pump.siteWise;
    const twinMaker = await startTwinMaker({ credentials, siteWiseAs: () => pump.client });
    closers.push(() => twinMaker.close());
    const folder = await mkdtemp(join(tmpdir(), 'twinloop-kit-'));
    closers.push(() => rm(folder, { recursive: true, force: true }));
    const scene = JSON.stringify({ specVersion: '1.0' });
    await createFolderStore(folder).put('scene/hall.json', new TextEncoder().encode(scene));
    const s3 = await startS3({
      principals: [{ ...credentials, allows: () => true }],
      folderOf: (bucket) => (bucket === 'plant-bucket' ? folder : undefined),
      keyOf: () => undefined,
    });
    closers.push(() => s3.close());
    const client = createTwinMakerClient(twinMaker);
    closers.push(() => client.destroy());
    const workspaceId = 'plant';
    const s3Location = 'arn:aws:s3:::plant-bucket';
    await client.send(new CreateWorkspaceCommand({ workspaceId, s3Location }));
    const contentLocation = 's3://plant-bucket/scene/hall.json';
    await client.send(new CreateSceneCommand({ workspaceId, sceneId: 'hall', contentLocation }));
    await client.send(
      new CreateEntityCommand({
        workspaceId,
        entityId: 'pump1',
        entityName: 'Pump',
        components: {
          twin: {
            componentTypeId: 'com.amazon.iotsitewise.connector',
            properties: {
              sitewiseAssetId: { value: { stringValue: pump.assetId } },
              sitewiseAssetModelId: { value: { stringValue: pump.assetModelId } },
            },
          },
        },
      }),
    );
    const place = {
      region,
      credentials,
      siteWise: pump.siteWise.endpoint,
      twinMaker: twinMaker.endpoint,
      s3: s3.endpoint,
      assetId: pump.assetId,
      speedId: pump.speedId,
      alias: '/pump1/level',
      startMs: (pump.nowS - 300) * 1000,
      endMs: pump.nowS * 1000,
    };
    const child = spawn(process.execPath, [
      packageFile('test/judges/iot-app-kit.cjs'),
      kit ?? '',
      JSON.stringify(place),
    ]);
    closers.push(() => child.kill());
    const { code, stdout, stderr } = await outputOf(child);
    expect(code, stderr).toBe(0);
    const atMs = (i: number) => (pump.nowS - 60 + i) * 1000 + 123;
    const points = (values: number[]) => values.map((y, i) => [atMs(i), y]);
    expect(JSON.parse(stdout)).toEqual({
      twinMakerHistory: [points(SPEEDS), points(LEVELS)],
      siteWiseHistory: [points(SPEEDS)],
      siteWiseAlias: [points(LEVELS)],
      tree: ['pump1'],
      uri: contentLocation,
      scene,
    });
  },
  60_000,
);
