import { setFlagsFromString } from 'node:v8';

/**
 * Has the garbage of this process collected when its heap is a quarter larger than what is alive in it. V8
 * lets a heap of some 30 MB grow to four times that first, whoever else needs the memory. For a process that runs
 * long: while it starts, this only costs time.
 */
export function collectGarbageEarly(): void {
  setFlagsFromString('--heap-growing-percent=25');
}
