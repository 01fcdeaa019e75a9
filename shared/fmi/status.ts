import { TwinError } from '../core/index.js';

/** FMI's status codes by number. */
export const FMI_STATUS = ['OK', 'Warning', 'Discard', 'Error', 'Fatal', 'Pending'] as const;

export const STATUS_OK = 0;
export const STATUS_WARNING = 1;
export const STATUS_DISCARD = 2;
export const STATUS_ERROR = 3;
export const STATUS_FATAL = 4;

/** An FMI function returned a status that ends the simulation. */
export class FmiCallError extends TwinError<'FMI_CALL_FAILED'> {
  override readonly name = 'FmiCallError';
  /** Name of the C function. */
  readonly function: string;
  /** Its status, e.g. `Error`. */
  readonly status: string;

  constructor(functionName: string, status: number | string, detail = '') {
    const text = typeof status === 'string' ? status : (FMI_STATUS[status] ?? String(status));
    super(
      'FMI_CALL_FAILED',
      `${functionName} returned ${text}${detail === '' ? '.' : `: ${detail}`}`,
    );
    this.function = functionName;
    this.status = text;
  }
}
