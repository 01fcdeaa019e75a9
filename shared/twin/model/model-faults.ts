import type { ErrorCode } from '../../core/index.js';

/** What a model says that cannot take a sample; other faults are not the sample's. */
const MODEL_FAULTS: ReadonlySet<unknown> = new Set<ErrorCode>([
  'FMU_CRASHED',
  'FMU_TIMEOUT',
  'FMI_CALL_FAILED',
  'NUMERIC',
]);

/** Whether an error is of a run of the model, rather than of everything. */
export const isModelFault = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && MODEL_FAULTS.has(error.code);
