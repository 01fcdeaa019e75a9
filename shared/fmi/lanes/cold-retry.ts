import { TwinError } from '../../core/index.js';
import { FmiCallError } from '../binding/status.js';
import type { LaneJob } from './lane-protocol.js';

/** Whether the process, not the point, may be to blame: an FMI error or a crash. */
export function mayBePoisoned(error: unknown): boolean {
  if (error instanceof FmiCallError) return error.status !== 'Discard';
  return error instanceof TwinError && error.code === 'FMU_CRASHED';
}

/** The job without anything kept from before; `undefined` where it was that already. */
export function coldAgain(
  toMessage: (id: number) => LaneJob,
  usedBefore: boolean,
): ((id: number) => LaneJob) | undefined {
  const sample = toMessage(0);
  const warm = sample.type === 'settle' && sample.request.warm !== false;
  if (!usedBefore && !warm) return undefined;
  return (id) => {
    const message = toMessage(id);
    return message.type === 'settle'
      ? { ...message, request: { ...message.request, warm: false } }
      : message;
  };
}
