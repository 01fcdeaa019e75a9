import { expect, it } from 'vitest';
import { edgeSchema, parseConfig } from '../../../shared/config/index.js';

const parse = (change: object) => () => {
  const signals = [{ address: 0, alias: '/a' }];
  return parseConfig(
    edgeSchema,
    { sources: [{ name: 'm', type: 'modbus', signals, ...change }] },
    'x',
  );
};

it('says which of host and serial line a connection needs', () => {
  expect(parse({ host: 'h' })().sources[0]).toMatchObject({ connection: 'tcp' });
  expect(parse({})).toThrow(/host: found nothing: expected a host name/);
  expect(parse({ connection: 'rtu-over-tcp' })).toThrow(/host: found nothing: expected/);
  expect(parse({ connection: 'serial' })).toThrow(/serial: found nothing: expected the line/);
  expect(parse({ host: 'h', serial: { path: '/dev/ttyS0' } })).toThrow(
    /only with `connection: serial`/,
  );
  expect(
    parse({ connection: 'serial', serial: { path: '/dev/ttyS0' } })().sources[0],
  ).toMatchObject({
    serial: { baudRate: 9600, parity: 'even', dataBits: 8, stopBits: 1 },
  });
});
