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

/**
 * A logger whose implementation is loaded with the first line that is written: a command that has
 * nothing to log does not wait for it. Lines keep their order.
 *
 * @param level least severe level that is written
 */
export function lazyLogger(level: LogLevel, load: () => Promise<Logger>): Logger {
  let loading: Promise<Logger> | undefined;
  const say = (at: LogLevel) => (message: string, fields?: LogFields) => {
    if (LOG_LEVELS.indexOf(at) > LOG_LEVELS.indexOf(level)) return;
    loading ??= load();
    void loading.then((logger) => logger[at](message, fields));
  };
  return { error: say('error'), warn: say('warn'), info: say('info'), debug: say('debug') };
}

/** A logger that can be exchanged for another while those who have it go on. */
export interface SwitchableLogger extends Logger {
  use(logger: Logger): void;
}

/** @param first what it writes to until {@link SwitchableLogger.use} */
export function switchableLogger(first: Logger): SwitchableLogger {
  let current = first;
  return {
    error: (message, fields) => current.error(message, fields),
    warn: (message, fields) => current.warn(message, fields),
    info: (message, fields) => current.info(message, fields),
    debug: (message, fields) => current.debug(message, fields),
    use: (logger) => {
      current = logger;
    },
  };
}
