import { expect, it } from 'vitest';
import { findFaketime, findMosquitto, runEndurance } from '../support/edge-endurance.js';

const mosquitto = findMosquitto();

it.skipIf(mosquitto === undefined)(
  'brings every value from mosquitto to the far end: once, in order, right to the bit, whatever dies on the way',
  { timeout: 180_000 },
  async () => {
    const figures = await runEndurance({ values: 40_000, kills: 6, seed: 7, perS: 4000 });
    expect(figures).toMatchObject({
      kills: 6,
      brokerRestarts: 1,
      cuts: 1,
      expected: 40_000,
      arrived: 40_000,
      lost: 0,
      wrong: 0,
      unknown: 0,
      disordered: 0,
      gaps: [],
    });
    // Without faketime the clock stays as it is.
    expect(figures.clockSteps).toBe(findFaketime() === undefined ? 0 : 10);
  },
);
