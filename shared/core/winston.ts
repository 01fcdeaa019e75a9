import { createLogger as createWinstonLogger, format, transports } from 'winston';
import { LOG_LEVELS, type LogFields, type Logger, type LogLevel } from './logger.js';

/** JSON has no bigint; nanosecond times are logged as strings. */
const jsonSafe = (_key: string, value: unknown) =>
  typeof value === 'bigint' ? value.toString() : value;

/**
 * The process's logger, winston behind the four methods. It writes to stderr, so that stdout stays
 * free for results. A door of its own: libraries, and processes that log nothing, never load it.
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
