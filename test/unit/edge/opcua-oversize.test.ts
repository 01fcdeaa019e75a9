import {
  BinaryStream,
  DataChangeNotification,
  DataType,
  DataValue,
  EventNotificationList,
  MonitoredItemNotification,
  NotificationMessage,
  StatusChangeNotification,
  StatusCodes,
  Variant,
  VariantArrayType,
} from 'node-opcua';
import { type ClientSession, NotificationMessage as Message } from 'node-opcua-client';
import { expect, it } from 'vitest';
import {
  isUnreadable,
  OversizeNodes,
  type WithSession,
} from '../../../edge-component/sources/opcua-oversize.js';
import { edgeSchema, type OpcuaSourceConfig, parseConfig } from '../../../shared/config/index.js';
import { silentLogger } from '../../../shared/core/index.js';

/** A message as it comes from the wire. */
function received(notificationData: ConstructorParameters<typeof NotificationMessage>[0]): Message {
  const message = new NotificationMessage(notificationData);
  const stream = new BinaryStream(message.binaryStoreSize());
  message.encode(stream);
  stream.rewind();
  const read = new Message();
  read.decode(stream);
  return read;
}

const itemOf = (value: Variant) =>
  new MonitoredItemNotification({ clientHandle: 1, value: new DataValue({ value }) });
const double = itemOf(new Variant({ dataType: DataType.Double, value: 1 }));
const values = (...monitoredItems: MonitoredItemNotification[]) =>
  new DataChangeNotification({ monitoredItems });

it('knows a notification whose values were not read, and no other', () => {
  const long = new Variant({
    ...{ dataType: DataType.Boolean, arrayType: VariantArrayType.Array },
    value: new Array(1_100_000).fill(true),
  });
  expect(isUnreadable(received({ notificationData: [values(double, itemOf(long))] }))).toBe(true);
  expect(isUnreadable(received({ notificationData: [values(double)] }))).toBe(false);
  expect(isUnreadable(received({ notificationData: [] }))).toBe(false);
  const status = new StatusChangeNotification({ status: StatusCodes.BadTimeout });
  expect(isUnreadable(received({ notificationData: [status] }))).toBe(false);
  const events = new EventNotificationList({ events: [{ clientHandle: 1, eventFields: [] }] });
  expect(isUnreadable(received({ notificationData: [events] }))).toBe(false);
});

/** A server some of whose nodes break the connection when they are read. */
function setUp(count: number, breaking: Set<number>) {
  const source = {
    ...{ name: 'plc', type: 'opcua', endpointUrl: 'opc.tcp://127.0.0.1' },
    signals: Array.from({ length: count }, (_, i) => ({ nodeId: `ns=1;i=${i}`, alias: `/${i}` })),
  };
  const [config] = parseConfig(edgeSchema, { sources: [source] }, 'test').sources;
  const server = { up: true, sessions: 0 };
  const session = {
    read: async (nodes: { nodeId: string }[]) => {
      if (nodes.some((n) => breaking.has(Number(n.nodeId.slice(7))))) throw new Error('broke');
      return nodes;
    },
  } as unknown as ClientSession;
  const beside: WithSession = async (use) => {
    server.sessions++;
    if (!server.up) throw new Error('nobody there');
    return await use(session);
  };
  const nodes = new OversizeNodes(config as OpcuaSourceConfig, silentLogger);
  const found = () => config!.signals.flatMap((_, i) => (nodes.has(i) ? [i] : []));
  return { nodes, beside, found, server };
}

it('finds the nodes that break the connection, in few connections; one that no more does is free', async () => {
  const breaking = new Set([7, 450]);
  const { nodes, beside, found, server } = setUp(1000, breaking);
  await nodes.look(beside);
  expect(server.sessions).toBe(0);
  // One break may be anything; two in a row are looked into.
  nodes.broke();
  nodes.broke();
  await nodes.look(beside);
  expect(found()).toEqual([7, 450]);
  expect(nodes.faults).toMatchObject([/i=7 /, /i=450 /].map((r) => expect.stringMatching(r)));
  expect(server.sessions).toBeLessThan(30);
  breaking.delete(7);
  await nodes.look(beside);
  expect(found()).toEqual([450]);
});

it('blames no node for a server that is away', async () => {
  const { nodes, beside, found, server } = setUp(300, new Set());
  nodes.suspect();
  server.up = false;
  await expect(nodes.look(beside)).rejects.toThrow('nobody there');
  expect(found()).toEqual([]);
  server.up = true;
  await nodes.look(beside);
  expect(found()).toEqual([]);
});
