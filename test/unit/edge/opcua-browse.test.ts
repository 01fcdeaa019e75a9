import { DataType, NodeClass, StatusCodes, VariantArrayType } from 'node-opcua-client';
import { describe, expect, it } from 'vitest';
import { signalsOfNodes } from '../../../edge-component/sources/browsed-signals.js';
import { type BrowsedNode, browseOpcua } from '../../../edge-component/sources/opcua-browse.js';

type Session = Parameters<typeof browseOpcua>[0];
type Browse = (nodeIds: string[]) => object[];

/** Part of a session: what `browse` and `browseNext` answer; every variable holds 1.5. */
function serving(browse: Browse, browseNext: () => object = () => ({})): Session {
  return {
    readNamespaceArray: async () => ['http://opcfoundation.org/UA/', 'urn:plant'],
    browse: async (asked: { nodeId: string }[]) => browse(asked.map((a) => a.nodeId)),
    browseNext: async () => browseNext(),
    read: async (asked: object[]) =>
      asked.map(() => ({
        statusCode: StatusCodes.Good,
        value: { dataType: DataType.Double, arrayType: VariantArrayType.Scalar, value: 1.5 },
      })),
  } as unknown as Session;
}

const reference = (name: string, nodeClass = NodeClass.Object) => ({
  nodeId: { toString: () => `ns=1;s=${name}` },
  browseName: { name },
  nodeClass,
  referenceTypeId: { toString: () => 'ns=0;i=35' },
});
const answer = (references: object[], continuationPoint: Buffer | null = null) => ({
  statusCode: StatusCodes.Good,
  references,
  continuationPoint,
});
const limits = { read: 100, historyRead: 100, browse: 100, browsePaths: 100, monitoredItems: 100 };
const bounds = { maxNodes: 500, maxDepth: 20, signal: new AbortController().signal };

describe('browsing a server', () => {
  it('ends at the bounds where the tree is endless, and says which', async () => {
    let count = 0;
    const wide = serving((ids) =>
      ids.map(() => answer(Array.from({ length: 40 }, () => reference(`n${count++}`)))),
    );
    const huge = await browseOpcua(wide, limits, bounds);
    expect(huge.nodes).toHaveLength(500);
    expect(huge.incomplete).toMatch(/more than 500 nodes/);
    const narrow = serving((ids) => ids.map(() => answer([reference(`d${count++}`)])));
    const deep = await browseOpcua(narrow, limits, bounds);
    expect(deep.nodes).toHaveLength(20);
    expect(deep.incomplete).toMatch(/deeper than 20/);
  });

  it('ends where pages without references never end, and counts it', async () => {
    const babbling = serving(
      (ids) => ids.map((id) => answer([], id === 'i=85' ? Buffer.from('x') : null)),
      () => answer([], Buffer.from('x')),
    );
    const space = await browseOpcua(babbling, limits, bounds);
    expect(space.failed).toEqual({ 'empty-pages-without-end': 1 });
  });

  it('lists what is on several pages, names each node once, and counts what the server does not tell', async () => {
    const pages = [answer([reference('b', NodeClass.Variable), reference('a')])];
    const told: Record<string, object> = {
      'i=85': answer([reference('a'), reference('refused')], Buffer.from('more')),
      'ns=1;s=a': answer([reference('a')]),
      'ns=1;s=refused': { statusCode: StatusCodes.BadUserAccessDenied },
    };
    const space = await browseOpcua(
      serving(
        (ids) => ids.map((id) => told[id] ?? answer([])),
        () => pages.shift() ?? answer([]),
      ),
      limits,
      bounds,
    );
    expect(space.nodes.map((n) => n.nodeId)).toEqual([
      'nsu=urn:plant;s=a',
      'nsu=urn:plant;s=refused',
      'nsu=urn:plant;s=b',
    ]);
    expect(space.repeated).toBe(2);
    expect(space.failed).toEqual({ BadUserAccessDenied: 1 });
    expect(space.nodes[2]).toMatchObject({ type: 'Double', value: 1.5 });
  });

  it('asks one by one for what the server had no place to continue', async () => {
    const asked: number[] = [];
    const crowded = serving((ids) => {
      asked.push(ids.length);
      if (ids[0] === 'i=85') return [answer([reference('p'), reference('q')])];
      return ids.map((id, i) =>
        i === 0
          ? answer([reference(`${id} child`, NodeClass.Variable)])
          : { statusCode: StatusCodes.BadNoContinuationPoints },
      );
    });
    const space = await browseOpcua(crowded, limits, { ...bounds, maxDepth: 2, maxNodes: 4 });
    expect(asked.slice(0, 3)).toEqual([1, 2, 1]);
    expect(space.nodes.filter((n) => n.variable)).toHaveLength(2);
  });
});

describe('signals of what was found', () => {
  const variable = (path: string[], rest: Partial<BrowsedNode> = {}): BrowsedNode => ({
    path,
    nodeId: `nsu=u;s=${path.join('.')}`,
    variable: true,
    property: false,
    type: 'Double',
    ...rest,
  });

  it('have one alias each, streams for elements, and reasons for the rest', () => {
    const { signals, left } = signalsOfNodes(
      [
        variable(['L', 'a/b'], { unit: 'm/s' }),
        variable(['L', 'a_b']),
        variable(['L', 't'], { type: 'Int32', sizes: [2, 3] }),
        variable(['L', 'empty'], { sizes: [0] }),
        variable(['L', 'long'], { sizes: [100_000] }),
        variable(['L', 'hidden'], { unreadable: 'BadUserAccessDenied' }),
        variable(['L', 'property'], { property: true }),
      ],
      '/p',
    );
    expect(signals).toEqual([
      { nodeId: 'nsu=u;s=L.a/b', alias: '/p/L/a_b', dataType: 'DOUBLE', unit: 'm/s' },
      { nodeId: 'nsu=u;s=L.a_b', alias: '/p/L/a_b_2', dataType: 'DOUBLE' },
      {
        nodeId: 'nsu=u;s=L.t',
        alias: '/p/L/t/{index}',
        dataType: 'INTEGER',
        indexRange: '0:1,0:2',
      },
    ]);
    expect(left.map((l) => l.reason)).toEqual([
      'empty-array',
      'array-of-100000',
      'BadUserAccessDenied',
    ]);
  });
});
