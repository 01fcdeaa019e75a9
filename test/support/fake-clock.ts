import { renameSync, writeFileSync } from 'node:fs';
import { findFaketime, underFaketime } from './edge-endurance.js';

const library = findFaketime();

/** The clock of one process, set while it runs (libfaketime). */
export const fakeClock = {
  /** Whether libfaketime is on this machine. */
  isAvailable: library !== undefined,
  /** @param offsetFile holds how far it is off, seconds */
  of(offsetFile: string, offsetS: number) {
    const set = (offset: number) => {
      writeFileSync(`${offsetFile}.new`, `${offset < 0 ? '' : '+'}${offset}\n`);
      renameSync(`${offsetFile}.new`, offsetFile);
    };
    set(offsetS);
    return { set, shellPrefix: underFaketime(library ?? '', offsetFile) };
  },
};
