import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { TwinError } from '../../../shared/core/index.js';

const SPECIAL: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

/** JSON with the numbers that JSON lacks. */
const write = (value: unknown) =>
  JSON.stringify(value, (_, v) =>
    typeof v === 'number' && !Number.isFinite(v) ? { number: `${v}` } : v,
  );
const read = (line: string) =>
  JSON.parse(line, (_, v) =>
    v !== null && typeof v === 'object' && typeof v.number === 'string' && v.number in SPECIAL
      ? SPECIAL[v.number]
      : v,
  );

/** Results by key, in a file where one is given, so that a study goes on where it was cut off. */
export class Results {
  readonly #byKey = new Map<string, unknown>();
  readonly #file: string | undefined;

  /** @throws TwinError `USAGE` where the file holds something else; a last line that was cut off is taken away */
  constructor(file: string | undefined) {
    this.#file = file;
    if (file === undefined || !existsSync(file)) return;
    const whole = readFileSync(file, 'utf8').replace(/[^\n]+$/, '');
    const lines = whole.split('\n').slice(0, -1);
    lines.forEach((line, k) => {
      try {
        const { key, result } = read(line);
        if (typeof key !== 'string' || result === undefined) throw new Error('no key and result');
        this.#byKey.set(key, result);
      } catch (error) {
        throw new TwinError('USAGE', `${file}, line ${k + 1} is no result of a study.`, {
          cause: error,
        });
      }
    });
    truncateSync(file, Buffer.byteLength(whole));
  }

  get(key: string): unknown {
    return this.#byKey.get(key);
  }

  add(key: string, result: unknown): void {
    this.#byKey.set(key, result);
    if (this.#file !== undefined) appendFileSync(this.#file, `${write({ key, result })}\n`);
  }
}
