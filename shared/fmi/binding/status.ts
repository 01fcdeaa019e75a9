import { TwinError } from '../../core/index.js';

/** FMI's status codes by number. */
export const FMI_STATUS = ['OK', 'Warning', 'Discard', 'Error', 'Fatal', 'Pending'] as const;

export const STATUS_WARNING = 1;
export const STATUS_DISCARD = 2;

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

/** What an FMU complained about last, for the error that follows. */
export class LastWords {
  #messages: string[] = [];

  /** Keeps messages of status Warning and worse. */
  note(status: number, message: string): void {
    if (status < STATUS_WARNING) return;
    this.#messages.push(message.slice(0, 500));
    if (this.#messages.length > 3) this.#messages.shift();
  }

  /** The messages for a sentence; empty when there are none. */
  toString(): string {
    return this.#messages.length === 0 ? '' : `the FMU said: ${this.#messages.join(' | ')}`;
  }
}
