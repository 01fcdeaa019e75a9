import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AttributeIds, OPCUAClient, StatusCodes } from 'node-opcua-client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadConfig, type TwinDefinition, twinSchema } from '../../../shared/config/index.js';
import { packageFile } from '../../../shared/core/index.js';
import {
  type Machine,
  type Plant,
  sensorNodeId,
  startPlant,
  startSensorServer,
} from '../../../simulators/plant/index.js';

/** Readings at 0.001 s steps: 20, then none (a broken sensor), then 21, then the end. */
function scriptedMachine(): Machine {
  const values = [20, Number.NaN, 21];
  return {
    sensors: ['Roller1_w'],
    next(afterS) {
      const index = Math.round(afterS * 1000);
      const value = values[index];
      if (value === undefined) return Promise.resolve(undefined);
      return Promise.resolve({
        machineS: (index + 1) / 1000,
        sensors: { Roller1_w: value },
        truth: { b1: index },
      });
    },
    close: () => Promise.resolve(),
  };
}

describe('the plant behind OPC UA', () => {
  let dataDir: string;
  let twin: TwinDefinition;
  let plant: Plant;
  let client: OPCUAClient;
  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'twinloop-plant-'));
    twin = await loadConfig(
      twinSchema,
      packageFile('shared/twins/web-line/twin.json'),
      'twin definition',
    );
    plant = await startPlant({
      machine: scriptedMachine(),
      twin,
      port: 0,
      dataDir,
      // Half a second between readings.
      timeScale: 0.002,
      startS: 0,
    });
    client = OPCUAClient.create({ endpointMustExist: false, connectionStrategy: { maxRetry: 3 } });
    await client.connect(plant.endpointUrl);
  });
  afterAll(async () => {
    await client?.disconnect();
    await plant?.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('shows each reading at its time: value, source timestamp and status', async () => {
    const session = await client.createSession();
    const read = () =>
      session.read({ nodeId: sensorNodeId('Roller1_w'), attributeId: AttributeIds.Value });
    try {
      const seen: { value: number | undefined; status: number; at: number | undefined }[] = [];
      await vi.waitFor(
        async () => {
          const { value, statusCode, sourceTimestamp } = await read();
          const at = sourceTimestamp?.getTime();
          if (statusCode !== StatusCodes.BadWaitingForInitialData && seen.at(-1)?.at !== at) {
            seen.push({
              value: statusCode.isGood() ? value.value : undefined,
              status: statusCode.value,
              at,
            });
          }
          expect(seen.at(-1)?.value).toBe(21);
        },
        { timeout: 15_000, interval: 20 },
      );
      const times = plant
        .shown()
        .get('Roller1_w')!
        .map((ns) => Number(ns / 1_000_000n));
      expect(times).toHaveLength(3);
      expect(times[2]! - times[0]!).toBe(1000);
      for (const sample of seen) {
        const index = times.indexOf(sample.at!);
        expect(sample.value).toBe([20, undefined, 21][index]);
        if (index === 1) expect(sample.status).toBe(StatusCodes.BadSensorFailure.value);
      }
      expect(plant.truth()).toEqual({ b1: 2 });
    } finally {
      await session.close();
    }
  });

  it('has no node for what is hidden', async () => {
    const session = await client.createSession();
    try {
      const hidden = await session.read({
        nodeId: sensorNodeId('b1'),
        attributeId: AttributeIds.Value,
      });
      expect(hidden.statusCode).toBe(StatusCodes.BadNodeIdUnknown);
    } finally {
      await session.close();
    }
  });

  it('says when its port is taken', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => {
      blocker.listen(0, '127.0.0.1', resolve);
    });
    const { port } = blocker.address() as { port: number };
    try {
      await expect(
        startSensorServer({ port, dataDir, machineName: 'line', sensors: [] }),
      ).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    } finally {
      await new Promise<void>((resolve) => {
        blocker.close(() => resolve());
      });
    }
  });
});
