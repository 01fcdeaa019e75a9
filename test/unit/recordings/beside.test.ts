import { describe, expect, it } from 'vitest';
import { besideTexts } from '../../../shared/recordings/index.js';
import { recordingFindings } from '../../../shared/twin/report/recording-findings.js';
import { read } from './files.js';

const rows = (...columns: ((k: number) => string | number)[]) =>
  Array.from({ length: 6 }, (_, k) => columns.map((of) => of(k)).join(',')).join('\n');
const besideOf = async (header: string, ...columns: ((k: number) => string | number)[]) => {
  const text = `${header}\n${rows(
    (k) => 10 * k,
    (k) => k,
    ...columns,
  )}\n`;
  return (await read(text, { columns: ['t1'] })).account.beside;
};

describe('columns that are not read and say something of those that are', () => {
  it('names a second column of the same name', async () => {
    const beside = await besideOf('time,t1,t1', (k) => 2 * k);
    expect(beside).toEqual({ doubled: { t1: 2 }, ownTimes: {}, qualities: {} });
  });

  it.each(['time_t1', 't1 Timestamp', 't1.time', 'Zeit t1'])(
    'names own times: %s',
    async (name) => {
      const beside = await besideOf(`time,t1,${name}`, (k) => 10 * k + 3);
      expect(beside?.ownTimes).toEqual({ t1: name });
    },
  );

  it.each(['t1_max', 'timet1', 'runtime', 'time_t2'])(
    'takes no other for them: %s',
    async (name) => {
      expect(await besideOf(`time,t1,${name}`, (k) => 10 * k + 3)).toBeUndefined();
    },
  );

  it.each([
    ['Status', 'Good', 'Bad'],
    ['Quality', 'OK', 'Uncertain, old'],
    ['Qualität', 'Gut', 'Schlecht'],
  ])('names a column of qualities of whole rows: %s', async (name, good, bad) => {
    const beside = await besideOf(`time,t1,${name}`, (k) => (k === 2 ? `"${bad}"` : good));
    expect(beside?.qualities).toEqual({ [name]: { [bad]: 1 } });
    expect(besideTexts(beside!)[0]).toContain(`${name} says "${bad}" in 1 rows`);
  });

  it.each([
    ['a machine\u2019s states', (k: number) => (k === 2 ? 'STOP' : 'OK')],
    ['only good ones', () => 'Good'],
    ['the quality of a column', () => 'Bad', 't1.status'],
  ] as const)('takes no column for one: %s', async (_, of, name: string = 'Status') => {
    expect(await besideOf(`time,t1,${name}`, of)).toBeUndefined();
  });

  it('counts in the verdict', async () => {
    const beside = await besideOf(
      'time,t1,time_t1,Status',
      (k) => 10 * k,
      (k) => (k ? 'Good' : 'Bad'),
    );
    const findings = recordingFindings(
      {
        rows: 6,
        used: 6,
        skipped: {},
        unreadable: {},
        deadChannels: [],
        besideColumns: beside!,
        spanS: 50,
        periodS: 10,
        ageS: null,
      },
      ['t1'],
    );
    expect(findings.map(({ grade }) => grade)).toEqual(['care', 'care']);
  });
});
