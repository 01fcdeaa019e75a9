/** Codes of faults that the person at the keyboard can mend: wrong input, wrong use. Exit code 2. */
const USER_ERROR_CODES = [
  'CONFIG_INVALID', // a config file or option does not fit its schema
  'FILE_NOT_FOUND', // a file that the user named is not there
  'FILE_INVALID', // a file is there but its content is not what it should be
  'FILE_UNWRITABLE', // where the user wants a result, none can be written
  'FMU_INVALID', // an archive or modelDescription.xml breaks the FMI standard, or is hostile
  'FMU_UNSUPPORTED', // a valid FMU that this machine or importer cannot run
  'COLUMN_MISSING', // a recording lacks a column that the twin needs
  'VARIABLE_UNKNOWN', // a name that is no variable of the FMU
  'VALUE_INVALID', // a value of the wrong type, size or range
  'PORT_IN_USE', // a server could not listen
  'ALREADY_RUNNING', // another process holds the same data folder
  'STATE_MISMATCH', // saved state belongs to another definition or version
  'NOT_FOUND', // an asset, alias or object that was asked for does not exist
  'USAGE', // a command was called wrongly
] as const;

/** Codes of faults of the world around us: networks, processes, native code. Exit code 1. */
const SYSTEM_ERROR_CODES = [
  'FMI_CALL_FAILED', // an FMI function returned an error status
  'FMU_CRASHED', // the process that ran an FMU ended unexpectedly
  'FMU_TIMEOUT', // an FMU did not answer before its deadline
  'NUMERIC', // a computation lost definiteness, did not converge or left the finite numbers
  'CONFLICT', // somebody else wrote first (a conditional write was refused)
  'NETWORK', // a peer could not be reached or hung up
  'THROTTLED', // a peer asked us to slow down
  'ACCESS_DENIED', // a peer refused our credentials
  'STORAGE', // a disk or store failed
  'CANCELLED', // stopped on request
  'INTERNAL', // a bug of ours
] as const;

export type UserErrorCode = (typeof USER_ERROR_CODES)[number];
export type SystemErrorCode = (typeof SYSTEM_ERROR_CODES)[number];
export type ErrorCode = UserErrorCode | SystemErrorCode;

export interface TwinErrorOptions extends ErrorOptions {
  /** Whether the same call may succeed later without anyone changing anything. */
  retryable?: boolean;
}

/**
 * The base of every error that Twinloop throws on purpose. The message says what was found, what
 * was expected and what to do.
 */
export class TwinError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name: string = 'TwinError';
  readonly code: C;
  readonly retryable: boolean;

  constructor(code: C, message: string, options: TwinErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** One fault in a config file: where it is, what stands there and what should. */
export interface Problem {
  /** Dotted path from the root of the file, e.g. `measured[2].noiseStd`; empty for the root. */
  path: string;
  message: string;
}

/** A config file with every problem it has, not only the first. */
export class ConfigError extends TwinError<'CONFIG_INVALID'> {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(source: string, problems: readonly Problem[]) {
    const lines = problems.map((p) => `  - ${p.path === '' ? '(root)' : p.path}: ${p.message}`);
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super('CONFIG_INVALID', `${source} has ${count}:\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

/** Tells whether the user can mend this error (exit code 2) or not (exit code 1). */
export function isUserError(error: unknown): error is TwinError<UserErrorCode> {
  return error instanceof TwinError && (USER_ERROR_CODES as readonly string[]).includes(error.code);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
