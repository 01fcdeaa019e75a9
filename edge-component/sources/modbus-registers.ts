import type { ModbusSourceConfig } from '../../shared/config/index.js';

export type ModbusSignal = ModbusSourceConfig['signals'][number];
export type ModbusTable = ModbusSignal['table'];

/** Registers that one request may read, and coils: limits of the protocol (PDU of 253 bytes). */
const MAX_REGISTERS = 125;
const MAX_BITS = 2000;

const REGISTERS: Record<ModbusSignal['type'], number> = {
  bool: 1,
  int16: 1,
  uint16: 1,
  int32: 2,
  uint32: 2,
  float32: 2,
  int64: 4,
  uint64: 4,
  float64: 4,
};

/** One request, and the signals whose values are in its answer. */
export interface Block {
  unitId: number;
  table: ModbusTable;
  start: number;
  count: number;
  /** Indexes of the signals. */
  signals: number[];
}

function isBits(table: ModbusTable): boolean {
  return table === 'coil' || table === 'discrete';
}

/** Addresses that a signal takes. */
function lengthOf(signal: ModbusSignal): number {
  return isBits(signal.table) ? 1 : REGISTERS[signal.type];
}

/**
 * Joins signals that lie close together to few requests.
 *
 * @param maxGap unused addresses that may be read along
 * @param unitId of signals that name none
 */
export function planBlocks(
  signals: readonly ModbusSignal[],
  maxGap: number,
  unitId: number,
): Block[] {
  const order = signals
    .map((signal, index) => ({ signal, index, unit: signal.unitId ?? unitId }))
    .sort(
      (a, b) =>
        a.unit - b.unit ||
        a.signal.table.localeCompare(b.signal.table) ||
        a.signal.address - b.signal.address,
    );
  const blocks: Block[] = [];
  for (const { signal, index, unit } of order) {
    const end = signal.address + lengthOf(signal);
    const last = blocks.at(-1);
    const limit = isBits(signal.table) ? MAX_BITS : MAX_REGISTERS;
    if (
      last !== undefined &&
      last.unitId === unit &&
      last.table === signal.table &&
      signal.address - (last.start + last.count) <= maxGap &&
      end - last.start <= limit
    ) {
      last.count = Math.max(last.count, end - last.start);
      last.signals.push(index);
    } else {
      blocks.push({
        unitId: unit,
        table: signal.table,
        start: signal.address,
        count: end - signal.address,
        signals: [index],
      });
    }
  }
  return blocks;
}

/** Brings bytes as they come into big-endian order: A is the most significant. */
function toBigEndian(bytes: Buffer, order: ModbusSignal['byteOrder']): Buffer {
  const out = Buffer.from(bytes);
  // BADC and DCBA have the bytes of each register swapped, CDAB and DCBA the registers.
  if (order === 'BADC' || order === 'DCBA') out.swap16();
  if (order === 'CDAB' || order === 'DCBA') {
    const swapped = Buffer.alloc(out.length);
    for (let i = 0; i < out.length; i += 2) out.copy(swapped, out.length - 2 - i, i, i + 2);
    return swapped;
  }
  return out;
}

/**
 * A signal's value in a block's answer.
 *
 * @param data the registers' bytes, or the bits packed from the least significant on
 * @returns undefined where the answer is too short
 */
export function readValue(
  signal: ModbusSignal,
  block: Block,
  data: Buffer,
): number | bigint | boolean | undefined {
  const offset = signal.address - block.start;
  if (isBits(signal.table)) {
    const byte = data[offset >> 3];
    return byte === undefined ? undefined : ((byte >> (offset & 7)) & 1) === 1;
  }
  const raw = data.subarray(offset * 2, offset * 2 + lengthOf(signal) * 2);
  if (raw.length < lengthOf(signal) * 2) return undefined;
  const bytes = toBigEndian(raw, signal.byteOrder);
  switch (signal.type) {
    case 'bool':
      return signal.bit === undefined
        ? bytes.readUInt16BE(0) !== 0
        : ((bytes.readUInt16BE(0) >> signal.bit) & 1) === 1;
    case 'int16':
      return bytes.readInt16BE(0);
    case 'uint16':
      return bytes.readUInt16BE(0);
    case 'int32':
      return bytes.readInt32BE(0);
    case 'uint32':
      return bytes.readUInt32BE(0);
    case 'int64':
      return bytes.readBigInt64BE(0);
    case 'uint64':
      return bytes.readBigUInt64BE(0);
    case 'float32':
      return bytes.readFloatBE(0);
    case 'float64':
      return bytes.readDoubleBE(0);
  }
}
