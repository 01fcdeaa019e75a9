import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { secondsToNs, systemClock, type Tqv } from '../../../shared/core/index.js';
import {
  createSiteWiseClient,
  createSiteWiseReader,
  createSiteWiseWriter,
  resolutionFor,
} from '../../../shared/sitewise/index.js';
import { startSiteWise } from '../../../simulators/index.js';

const HOUR_NS = secondsToNs(3600);

describe('aggregates of streams', () => {
  let siteWise: Awaited<ReturnType<typeof startSiteWise>>;
  let client: ReturnType<typeof createSiteWiseClient>;
  beforeAll(async () => {
    siteWise = await startSiteWise({});
    const { endpoint, region, credentials } = siteWise;
    client = createSiteWiseClient({ endpoint, region, credentials });
  });
  afterAll(async () => {
    client.destroy();
    await siteWise.close();
  });
  const write = async (alias: string, values: Omit<Tqv, 'quality'>[], quality: Tqv['quality']) => {
    const writer = createSiteWiseWriter({ client });
    const { rejected } = await writer.write(values.map((v) => ({ alias, quality, ...v })));
    expect(rejected).toEqual([]);
  };
  const read = async (
    alias: string,
    fromNs: bigint,
    untilNs: bigint,
    resolution = '1h' as const,
  ) => {
    const reader = createSiteWiseReader({ client });
    const answer = await reader.aggregates?.({ aliases: [alias], fromNs, untilNs, resolution });
    return answer ?? { aggregates: new Map(), refused: new Map() };
  };

  it('joins what is GOOD and UNCERTAIN by counts, marks what is BAD, and takes whole intervals', async () => {
    const startNs = (systemClock.nowNs() / HOUR_NS) * HOUR_NS - 20n * HOUR_NS;
    const at = (s: number) => startNs + secondsToNs(s);
    await write(
      '/agg/a',
      [0, 60, 120].map((s) => ({ timeNs: at(s), value: 3 })),
      'GOOD',
    );
    await write('/agg/a', [{ timeNs: at(3599), value: 11 }], 'UNCERTAIN');
    await write(
      '/agg/a',
      [
        { timeNs: at(60), value: 99 },
        { timeNs: at(3600), value: 7 },
      ],
      'BAD',
    );
    await write('/agg/a', [{ timeNs: at(3 * 3600 + 1), value: -4 }], 'GOOD');
    const { aggregates, refused } = await read('/agg/a', at(1800), at(4 * 3600 + 1800));
    expect(refused.size).toBe(0);
    expect(aggregates.get('/agg/a')).toEqual([
      // The interval that holds the beginning is read from its own beginning on.
      {
        startNs,
        endNs: at(3600),
        values: { average: 5, minimum: 3, maximum: 11, count: 4 },
      },
      { startNs: at(3600), endNs: at(7200) },
      {
        startNs: at(3 * 3600),
        endNs: at(4 * 3600),
        values: { average: -4, minimum: -4, maximum: -4, count: 1 },
      },
    ]);
  });

  it('reads page after page', async () => {
    const minutes = 4100;
    const minuteNs = secondsToNs(60);
    const startNs = (systemClock.nowNs() / minuteNs) * minuteNs - BigInt(minutes) * minuteNs;
    const values = Array.from({ length: minutes }, (_, i) => ({
      timeNs: startNs + BigInt(i) * minuteNs,
      value: i,
    }));
    await write('/agg/long', values, 'GOOD');
    const reader = createSiteWiseReader({ client });
    const answer = await reader.aggregates?.({
      aliases: ['/agg/long', '/agg/unknown'],
      fromNs: startNs,
      untilNs: startNs + BigInt(minutes) * minuteNs,
      resolution: '1m',
    });
    const list = answer?.aggregates.get('/agg/long') ?? [];
    expect(list.map((a) => a.values?.average)).toEqual(values.map((v) => v.value));
    // What SiteWise has no aggregates of is told, so that it can be read otherwise.
    expect([...(answer?.refused.keys() ?? [])]).toEqual(['/agg/unknown']);
    expect(answer?.aggregates.has('/agg/unknown')).toBe(false);
  });

  it('takes an interval that keeps a chart to a thousand', () => {
    expect([6 * 3600, 86_400, 9 * 86_400, 30 * 86_400, 400 * 86_400].map(resolutionFor)).toEqual([
      '1m',
      '15m',
      '15m',
      '1h',
      '1d',
    ]);
  });
});
