import { z } from 'zod';
import { signalFields, sourceFields } from './edge-source-fields.js';

/** Devices that speak Modbus, over one connection. */
export const modbus = z.strictObject({
  ...sourceFields,
  type: z.literal('modbus'),
  connection: z
    .enum(['tcp', 'rtu-over-tcp', 'serial'])
    .default('tcp')
    .describe(
      'How the devices are reached: Modbus TCP; a gateway that passes RTU frames on as they are; a serial line (RTU).',
    ),
  host: z.string().min(1).optional().describe('Host name or address; not with `serial`.'),
  port: z.int().min(1).max(65_535).default(502),
  serial: z
    .strictObject({
      path: z
        .string()
        .min(1)
        .describe('e.g. `/dev/ttyUSB0`, better a name of `/dev/serial/by-id`.'),
      baudRate: z.int().min(50).max(4_000_000).default(9600).describe('Bits per second.'),
      parity: z.enum(['none', 'even', 'odd']).default('even'),
      dataBits: z.literal([7, 8]).default(8),
      stopBits: z.literal([1, 2]).default(1),
    })
    .optional()
    .describe('The serial line, with `connection: serial`.'),
  unitId: z.int().min(0).max(255).default(1).describe('Unit (slave) id.'),
  pollIntervalMs: z.number().min(10).max(3_600_000).default(1000).describe('Time between polls.'),
  timeoutMs: z.int().min(10).max(60_000).default(2000).describe('Longest wait for one answer.'),
  maxGap: z
    .int()
    .min(0)
    .max(120)
    .default(8)
    .describe('Signals at most this many registers apart are read as one block.'),
  signals: z
    .array(
      z.strictObject({
        ...signalFields,
        unitId: z
          .int()
          .min(0)
          .max(255)
          .optional()
          .describe(
            "Unit id of this signal's device, behind the same gateway; default: the source's.",
          ),
        table: z
          .enum(['holding', 'input', 'coil', 'discrete'])
          .default('holding')
          .describe('Holding (4x) or input (3x) registers, coils (0x) or discrete inputs (1x).'),
        address: z.int().min(0).max(65_535).describe('Zero-based address.'),
        type: z
          .enum([
            'bool',
            'int16',
            'uint16',
            'int32',
            'uint32',
            'int64',
            'uint64',
            'float32',
            'float64',
          ])
          .default('uint16')
          .describe('How the registers are read; coils and discrete inputs are always bool.'),
        byteOrder: z
          .enum(['ABCD', 'DCBA', 'BADC', 'CDAB'])
          .default('ABCD')
          .describe(
            'Order of the bytes: ABCD big endian, CDAB words swapped, BADC bytes swapped, DCBA little endian.',
          ),
        bit: z
          .int()
          .min(0)
          .max(15)
          .optional()
          .describe('With type bool in a register: which bit, 0 the least.'),
      }),
    )
    .min(1, 'expected at least one signal'),
});

/** What the kind of connection wants and does not want beside it. */
export function checkConnection(
  source: Pick<z.output<typeof modbus>, 'connection' | 'serial' | 'host'>,
  context: z.core.$RefinementCtx,
): void {
  const isSerial = source.connection === 'serial';
  const expect = (path: string, message: string) =>
    context.addIssue({ code: 'custom', path: [path], message });
  if (isSerial && source.serial === undefined) {
    expect('serial', 'expected the line, e.g. `{ path: /dev/ttyUSB0 }`, with `connection: serial`');
  }
  if (!isSerial && source.serial !== undefined) {
    expect('serial', 'expected only with `connection: serial`');
  }
  if (!isSerial && source.host === undefined) {
    expect(
      'host',
      'expected a host name or address: it is left out only with `connection: serial`',
    );
  }
}
