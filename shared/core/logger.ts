import { createLogger as createWinstonLogger, format, transports } from 'winston';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFields = Record<string, unknown>;

/** What library code may say: a constant capitalised line, and data as fields. */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}

/** A logger that says nothing: the default of library code. */
export const silentLogger: Logger = { error() {}, warn() {}, info() {}, debug() {} };

/** JSON has no bigint; nanosecond times are logged as strings. */
const jsonSafe = (_key: string, value: unknown) =>
  typeof value === 'bigint' ? value.toString() : value;

/**
 * The process's logger, winston behind the four methods. It writes to stderr, so that stdout stays
 * free for results.
 *
 * @param options.level least severe level that is written
 * @param options.format `json` for machines (one object a line), `text` for people
 * @param options.fields fields that go with every line, e.g. `{ component: 'edge' }`
 */
export function createLogger(options: {
  level?: LogLevel;
  format?: 'json' | 'text';
  fields?: LogFields;
}): Logger {
  const text = format.printf(({ timestamp, level, message, ...fields }) => {
    const rest = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields, jsonSafe)}`;
    return `${String(timestamp)} ${level.padEnd(5)} ${String(message)}${rest}`;
  });
  const json = format.printf(({ timestamp, level, message, ...fields }) =>
    JSON.stringify({ timestamp, level, message, ...fields }, jsonSafe),
  );
  const winston = createWinstonLogger({
    level: options.level ?? 'info',
    format: format.combine(format.timestamp(), options.format === 'json' ? json : text),
    defaultMeta: options.fields ?? {},
    transports: [new transports.Console({ stderrLevels: [...LOG_LEVELS] })],
  });
  return {
    error: (message, fields) => void winston.error(message, fields),
    warn: (message, fields) => void winston.warn(message, fields),
    info: (message, fields) => void winston.info(message, fields),
    debug: (message, fields) => void winston.debug(message, fields),
  };
}
