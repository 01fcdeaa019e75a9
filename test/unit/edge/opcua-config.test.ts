import { describe, expect, it } from 'vitest';
import { edgeSchema, parseConfig } from '../../../shared/config/index.js';

const parse = (signal: object) => {
  const source = { name: 'p', type: 'opcua', endpointUrl: 'opc.tcp://h:1', signals: [signal] };
  return parseConfig(edgeSchema, { sources: [source] }, 'edge.yaml').sources[0]?.signals;
};

describe('signals of an OPC UA source', () => {
  it('are one for each element that an index range names', () => {
    const signals = parse({ nodeId: 'ns=2;s=a', alias: '/a/{index}', indexRange: '0:1,2' });
    expect(signals).toMatchObject([
      { alias: '/a/0_2', indexRange: '0,2' },
      { alias: '/a/1_2', indexRange: '1,2' },
    ]);
    expect(parse({ nodeId: 'ns=2;s=a', alias: '/a', indexRange: '7' })).toHaveLength(1);
  });

  it.each([
    [{ nodeId: 'i=1', alias: '/a', indexRange: '0:3' }, /\{index\}/],
    [{ nodeId: 'i=1', alias: '/{index}', indexRange: '3:0' }, /rises/],
    [{ nodeId: 'i=1', alias: '/{index}', indexRange: '0:99999' }, /10000/],
    [{ nodeId: 'i=1', alias: '/a', indexRange: 'all' }, /0:7/],
    [{ browsePath: '/nsu=urn:plant', alias: '/a' }, /browsePath/],
    [{ browsePath: '/2:Line/', alias: '/a' }, /browsePath/],
    [{ nodeId: 'i=1', alias: '/a', serverDeadband: { absolute: 1, percent: 1 } }, /exactly one/],
    [{ nodeId: 'i=1', alias: '/a', serverDeadband: {} }, /exactly one/],
  ])('are refused with what is expected: %j', (signal, message) => {
    expect(() => parse(signal)).toThrow(message);
  });
});
