import protobuf from 'protobufjs/light.js';

/** Data types of the Sparkplug B specification 3.0, 6.4.16, by their numbers. */
export const SPARKPLUG_TYPES: Readonly<Record<number, string>> = Object.fromEntries(
  [
    ...['Unknown', 'Int8', 'Int16', 'Int32', 'Int64', 'UInt8', 'UInt16', 'UInt32', 'UInt64'],
    ...['Float', 'Double', 'Boolean', 'String', 'DateTime', 'Text', 'UUID', 'DataSet', 'Bytes'],
    ...['File', 'Template', 'PropertySet', 'PropertySetList', 'Int8Array', 'Int16Array'],
    ...['Int32Array', 'Int64Array', 'UInt8Array', 'UInt16Array', 'UInt32Array', 'UInt64Array'],
    ...['FloatArray', 'DoubleArray', 'BooleanArray', 'StringArray', 'DateTimeArray'],
  ].map((name, i) => [i, name]),
);
const BOOLEAN = 11;

/** A 64-bit number without a sign, in digits. */
type Long = string;

export interface SparkplugMetric {
  name?: string;
  alias?: Long;
  timestamp?: Long;
  datatype?: number;
  isHistorical?: boolean;
  isNull?: boolean;
  properties?: { keys?: string[]; values?: { intValue?: number; isNull?: boolean }[] };
  /** Which of the fields below came: protobuf.js tells it by the name of the choice. */
  readonly value?: string;
  intValue?: number;
  longValue?: Long;
  floatValue?: number;
  doubleValue?: number;
  booleanValue?: boolean;
  stringValue?: string;
}

export interface SparkplugPayload {
  timestamp?: Long;
  metrics: SparkplugMetric[];
  seq?: Long;
}

/** Field numbers of the specification, 6.4; what is not read here (data sets, templates) is passed over. */
const Payload = protobuf.Root.fromJSON({
  nested: {
    PropertyValue: {
      fields: {
        type: { type: 'uint32', id: 1 },
        isNull: { type: 'bool', id: 2 },
        intValue: { type: 'uint32', id: 3 },
      },
    },
    PropertySet: {
      fields: {
        keys: { rule: 'repeated', type: 'string', id: 1 },
        values: { rule: 'repeated', type: 'PropertyValue', id: 2 },
      },
    },
    Metric: {
      oneofs: {
        value: {
          oneof: [
            ...['intValue', 'longValue', 'floatValue', 'doubleValue', 'booleanValue'],
            ...['stringValue', 'bytesValue'],
          ],
        },
      },
      fields: {
        name: { type: 'string', id: 1 },
        alias: { type: 'uint64', id: 2 },
        timestamp: { type: 'uint64', id: 3 },
        datatype: { type: 'uint32', id: 4 },
        isHistorical: { type: 'bool', id: 5 },
        isTransient: { type: 'bool', id: 6 },
        isNull: { type: 'bool', id: 7 },
        properties: { type: 'PropertySet', id: 9 },
        intValue: { type: 'uint32', id: 10 },
        longValue: { type: 'uint64', id: 11 },
        floatValue: { type: 'float', id: 12 },
        doubleValue: { type: 'double', id: 13 },
        booleanValue: { type: 'bool', id: 14 },
        stringValue: { type: 'string', id: 15 },
        bytesValue: { type: 'bytes', id: 16 },
      },
    },
    Payload: {
      fields: {
        timestamp: { type: 'uint64', id: 1 },
        metrics: { rule: 'repeated', type: 'Metric', id: 2 },
        seq: { type: 'uint64', id: 3 },
      },
    },
  },
}).lookupType('Payload');

/** @throws where it is no protobuf of this form */
export function decodePayload(bytes: Uint8Array): SparkplugPayload {
  // A message itself has a default for each field that did not come.
  const plain = Payload.toObject(Payload.decode(bytes), {
    longs: String,
    arrays: true,
    oneofs: true,
  });
  return plain as SparkplugPayload;
}

/** What asks an edge node for its births (specification, 6.4.7: NCMD). */
export function rebirthRequest(nowMs: number): Uint8Array {
  const metric = {
    ...{ name: 'Node Control/Rebirth', timestamp: nowMs, datatype: BOOLEAN, booleanValue: true },
  };
  return Payload.encode(Payload.create({ timestamp: nowMs, metrics: [metric] })).finish();
}
