import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** Bytes of a double. */
const WIDTH = 8;

/**
 * Bytes made shorter, to be read back as they were. Those of doubles that lie beside each other differ in
 * their last ones and are alike in their first: each kind is put together before they are deflated.
 */
export function packed(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return bytes;
  const deflated = deflateRawSync(reordered(bytes, (i, j) => [j, i]));
  return new Uint8Array(deflated.buffer, deflated.byteOffset, deflated.byteLength);
}

/**
 * Bytes as they were before they were packed.
 *
 * @throws where they never were
 */
export function unpacked(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? bytes : reordered(inflateRawSync(bytes), (i, j) => [i, j]);
}

/** @param from where a byte is and goes, of that in its place in rows of doubles and that in columns of them */
function reordered(
  bytes: Uint8Array,
  from: (inRows: number, inColumns: number) => [to: number, from: number],
): Uint8Array {
  const count = Math.floor(bytes.length / WIDTH);
  const all = Uint8Array.from(bytes);
  for (let k = 0; k < count; k++) {
    for (let b = 0; b < WIDTH; b++) {
      const [to, of] = from(k * WIDTH + b, b * count + k);
      all[to] = bytes[of]!;
    }
  }
  return all;
}
