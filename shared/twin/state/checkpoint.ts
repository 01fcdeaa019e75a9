import { createHash } from 'node:crypto';
import { TwinError } from '../../core/index.js';
import { initialHealth } from '../filter/innovation-tests.js';
import type { CalibratorState, Twin } from '../types.js';
import { decodeFilterState, encodeFilterState, type StateShape } from './filter-state.js';

const MAGIC = 'TWLP';
const VERSION = 1;
const DIGEST_BYTES = 32;

/**
 * A state as bytes: magic, version, a JSON header, the arrays as little-endian doubles, and a
 * SHA-256 of it all. Decoding gives the same bits.
 */
export function encodeCheckpoint(state: CalibratorState): Uint8Array {
  const stored = encodeFilterState(state.filter);
  const names = Object.keys(stored).sort();
  const header = Buffer.from(
    JSON.stringify({
      twinHash: state.twinHash,
      timeNs: state.timeNs.toString(),
      sampleCount: state.sampleCount,
      arrays: names.map((name) => [name, stored[name]!.length]),
    }),
  );
  const count = names.reduce((sum, name) => sum + stored[name]!.length, 1);
  const bytes = Buffer.alloc(12 + header.length + 8 * count + DIGEST_BYTES);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(VERSION, 4);
  bytes.writeUInt32LE(header.length, 8);
  header.copy(bytes, 12);
  let offset = bytes.writeDoubleLE(state.timeS, 12 + header.length);
  for (const name of names) {
    for (const value of stored[name]!) offset = bytes.writeDoubleLE(value, offset);
  }
  createHash('sha256').update(bytes.subarray(0, offset)).digest().copy(bytes, offset);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

interface Header {
  twinHash: string;
  timeNs: string;
  sampleCount: number;
  arrays: [string, number][];
  /** Where the values begin. */
  offset: number;
}

/** Reads a state's header once its bytes are known to be whole. */
function readHeader(bytes: Buffer, name: string): Header {
  if (bytes.length < 12 + DIGEST_BYTES || bytes.toString('latin1', 0, 4) !== MAGIC) {
    throw new TwinError(
      'FILE_INVALID',
      `The saved state of "${name}" is not one of Twinloop's (${bytes.length} bytes): restore an earlier one, or remove it to start afresh.`,
    );
  }
  const version = bytes.readUInt32LE(4);
  if (version !== VERSION) {
    throw new TwinError(
      'STATE_MISMATCH',
      `The saved state of "${name}" has format ${version}: this version reads format ${VERSION}. Use the version that wrote it, or remove it to start afresh.`,
    );
  }
  const body = bytes.subarray(0, bytes.length - DIGEST_BYTES);
  const digest = createHash('sha256').update(body).digest();
  if (!digest.equals(bytes.subarray(bytes.length - DIGEST_BYTES))) {
    throw new TwinError(
      'FILE_INVALID',
      `The saved state of "${name}" is damaged (its checksum differs): restore an earlier one, or remove it to start afresh.`,
    );
  }
  const headerLength = bytes.readUInt32LE(8);
  const offset = 12 + headerLength;
  return { ...(JSON.parse(bytes.toString('utf8', 12, offset)) as Omit<Header, 'offset'>), offset };
}

const bufferOf = (data: Uint8Array) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/**
 * The fingerprint of the twin that a state is of.
 *
 * @param name whose state, for what is said of a damaged one
 * @throws TwinError `STATE_MISMATCH`: of another version; `FILE_INVALID`: damaged
 */
export function twinHashOf(data: Uint8Array, name: string): string {
  return readHeader(bufferOf(data), name).twinHash;
}

/**
 * Reads a state back.
 *
 * @throws TwinError `STATE_MISMATCH`: of another twin definition or version; `FILE_INVALID`: damaged
 */
export function decodeCheckpoint(data: Uint8Array, twin: Twin): CalibratorState {
  const bytes = bufferOf(data);
  const header = readHeader(bytes, twin.definition.name);
  if (header.twinHash !== twin.hash) {
    throw new TwinError(
      'STATE_MISMATCH',
      `The saved state belongs to another definition of "${twin.definition.name}" (or another FMU): its fingerprint is ${header.twinHash.slice(0, 12)}, expected ${twin.hash.slice(0, 12)}. Run \`twinloop state migrate\` to go on with what it knows, put the old definition back, or keep the state elsewhere to start afresh.`,
    );
  }
  let { offset } = header;
  const next = () => {
    const value = bytes.readDoubleLE(offset);
    offset += 8;
    return value;
  };
  const timeS = next();
  const arrays: Record<string, Float64Array> = {};
  for (const [name, length] of header.arrays) arrays[name] = Float64Array.from({ length }, next);
  return {
    twinHash: header.twinHash,
    timeS,
    timeNs: BigInt(header.timeNs),
    sampleCount: header.sampleCount,
    filter: decodeFilterState(arrays, shapeOf(twin)),
  };
}

function shapeOf({ definition }: Twin): StateShape {
  return {
    parameters: definition.parameters.length,
    measured: definition.measured.length,
    virtualSensors: definition.virtualSensors.length,
    health: initialHealth(definition.measured.length).length,
  };
}
