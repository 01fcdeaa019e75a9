import { randomBytes } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';

const PUBLISH = 3;
const NOTHING = Buffer.alloc(0);

/** Fixed header of a packet, MQTT 3.1.1, section 2.2. */
interface Header {
  type: number;
  qos: number;
  /** Bytes of the header itself. */
  size: number;
  /** Bytes that follow it. */
  remaining: number;
}

/**
 * Passes on what an MQTT broker sends, but no PUBLISH longer than a limit: such a one is passed on with its topic
 * and its id, so that it is acknowledged, and a short payload that stands for the long one. So a payload of any
 * length costs no memory and does not end the session. (By MQTT 5 a client can name the longest packet that it
 * takes; a broker then leaves out longer ones and tells nobody.)
 */
export class PayloadLimit extends Transform {
  readonly #maxBytes: number;
  /** No payload of a device begins like this. */
  readonly #marker = randomBytes(16);
  /** The begin of a packet whose rest has not come. */
  #carry: Buffer = NOTHING;
  #pass = 0;
  #skip = 0;

  /** @param maxBytes longest packet that is passed on as it is, but for its fixed header */
  constructor(maxBytes: number) {
    super();
    this.#maxBytes = maxBytes;
  }

  /** @returns the length of the packet that a payload stands for; undefined: it stands for itself */
  replacedBytes(payload: Buffer): number | undefined {
    const marked = payload.length === 20 && payload.subarray(0, 16).equals(this.#marker);
    return marked ? payload.readUInt32BE(16) : undefined;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    const data = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    this.#carry = NOTHING;
    let from = 0;
    let at = 0;
    const flush = () => {
      if (at > from) this.push(data.subarray(from, at));
    };
    while (at < data.length) {
      if (this.#skip > 0) {
        const n = Math.min(this.#skip, data.length - at);
        this.#skip -= n;
        at += n;
        from = at;
        continue;
      }
      if (this.#pass === 0) {
        const header = readHeader(data, at);
        if (header === 'incomplete') break;
        if (header === 'malformed') {
          // The parser behind says what is wrong.
          this.#pass = Number.POSITIVE_INFINITY;
        } else if (header.remaining <= this.#maxBytes) {
          this.#pass = header.size + header.remaining;
        } else {
          const kept = this.#shorten(data, at, header);
          if (kept === 'incomplete') break;
          if (kept === 'no-publish') {
            done(
              new Error(`the broker sent a packet of ${header.remaining} bytes that is no message`),
            );
            return;
          }
          flush();
          this.push(kept.packet);
          at += kept.bytes;
          from = at;
          this.#skip = header.size + header.remaining - kept.bytes;
          continue;
        }
      }
      const n = Math.min(this.#pass, data.length - at);
      this.#pass -= n;
      at += n;
    }
    flush();
    // A copy: a few bytes must not keep a whole chunk.
    if (at < data.length) this.#carry = Buffer.from(data.subarray(at));
    done();
  }

  /** A packet with the same topic and id, and the bytes that it stands for so far. */
  #shorten(
    data: Buffer,
    at: number,
    { type, qos, size, remaining }: Header,
  ): { packet: Buffer; bytes: number } | 'incomplete' | 'no-publish' {
    if (type !== PUBLISH) return 'no-publish';
    const begin = at + size;
    if (data.length < begin + 2) return 'incomplete';
    const bytes = 2 + data.readUInt16BE(begin) + (qos > 0 ? 2 : 0);
    if (bytes > remaining) return 'no-publish';
    if (data.length < begin + bytes) return 'incomplete';
    const length = Buffer.alloc(4);
    length.writeUInt32BE(remaining);
    const body = Buffer.concat([data.subarray(begin, begin + bytes), this.#marker, length]);
    const header = Buffer.from([data[at] ?? 0, ...variableLength(body.length)]);
    return { packet: Buffer.concat([header, body]), bytes: size + bytes };
  }
}

function readHeader(data: Buffer, at: number): Header | 'incomplete' | 'malformed' {
  const first = data[at] ?? 0;
  let remaining = 0;
  for (let i = 0; i < 4; i++) {
    const byte = data[at + 1 + i];
    if (byte === undefined) return 'incomplete';
    remaining += (byte & 127) * 128 ** i;
    if (byte < 128) return { type: first >> 4, qos: (first >> 1) & 3, size: 2 + i, remaining };
  }
  return 'malformed';
}

/** A length as MQTT writes it, seven bits a byte. */
function variableLength(n: number): number[] {
  return n < 128 ? [n] : [(n & 127) | 128, ...variableLength(n >> 7)];
}
