import { TwinError } from '../core/index.js';

/** How the bytes of a text are to be read. */
export interface Encoding {
  /** As the Encoding Standard names it. */
  name: string;
  /** Bytes of the byte order mark. */
  bomBytes: number;
}

const BOMS: readonly [name: string, bytes: readonly number[]][] = [
  ['utf-8', [0xef, 0xbb, 0xbf]],
  ['utf-16le', [0xff, 0xfe]],
  ['utf-16be', [0xfe, 0xff]],
];

/** Share of zero bytes at even or odd places that only UTF-16 has. */
const MANY_ZEROS = 0.3;

/**
 * Finds out how a text is encoded: by its byte order mark, by the zeros of UTF-16, by whether it is
 * UTF-8; what is none of these is taken for Windows-1252, in which every byte is a character.
 *
 * @param head the first bytes of the file
 * @returns undefined where the bytes are no text
 * @throws TwinError `USAGE` where `given` names no encoding
 */
export function recogniseEncoding(head: Buffer, given?: string): Encoding | undefined {
  const bom = BOMS.find(([, bytes]) => bytes.every((byte, i) => head[i] === byte));
  if (given !== undefined) {
    const { encoding } = decoderOf(given);
    return { name: encoding, bomBytes: bom?.[0] === encoding ? bom[1].length : 0 };
  }
  if (bom !== undefined) return { name: bom[0], bomBytes: bom[1].length };
  const zeros = [0, 0];
  for (let i = 0; i < head.length; i++) if (head[i] === 0) zeros[i % 2] = zeros[i % 2]! + 1;
  const [even = 0, odd = 0] = zeros;
  const half = head.length / 2;
  if (odd > MANY_ZEROS * half && even === 0) return { name: 'utf-16le', bomBytes: 0 };
  if (even > MANY_ZEROS * half && odd === 0) return { name: 'utf-16be', bomBytes: 0 };
  if (even + odd > 0) return undefined;
  try {
    // A character may be cut where the head ends: `stream` waits for its rest.
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return { name: 'utf-8', bomBytes: 0 };
  } catch {
    return isControl(head) ? undefined : { name: 'windows-1252', bomBytes: 0 };
  }
}

/** Whether there are bytes that no text has: control characters beside tab, line ends, form feed. */
function isControl(head: Buffer): boolean {
  const controls = head.filter((b) => b < 9 || (b > 13 && b < 32 && b !== 27)).length;
  return controls > head.length / 100;
}

/** @throws TwinError `USAGE` */
export function decoderOf(name: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(name);
  } catch {
    throw new TwinError(
      'USAGE',
      `--encoding is "${name}": expected a name such as utf-8, utf-16le, windows-1252 or iso-8859-15.`,
    );
  }
}
