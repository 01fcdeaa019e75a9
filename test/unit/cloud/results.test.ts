import { expect, it } from 'vitest';
import { formatAlarms } from '../../../cloud/index.js';
import type { Alarm } from '../../../shared/twin/index.js';

it('fits the most urgent alarms into what SiteWise takes', () => {
  const alarm = (code: Alarm['code'], k: number): Alarm => ({
    code,
    subject: `Roller${k}_w`,
    message: `Something about roller ${k}: ${'x'.repeat(60)}`,
  });
  const few = [alarm('noise-mismatch', 1), alarm('limit', 2)];
  expect(JSON.parse(formatAlarms(few))).toEqual([few[1], few[0]]);
  const many = [
    ...Array.from({ length: 40 }, (_, k) => alarm('correlated-innovations', k)),
    alarm('limit', 99),
  ];
  const text = formatAlarms(many);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1024);
  const told = JSON.parse(text) as Partial<Alarm>[];
  expect(told[0]).toEqual(many[40]);
  expect(told.length).toBeGreaterThan(10);
  expect(told.at(-1)).not.toHaveProperty('message');
  expect(formatAlarms([])).toBe('[]');
});
