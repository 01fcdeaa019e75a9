import type { CommandIo } from '../shared/core/index.js';

/** A progress bar on a terminal's stderr; nothing elsewhere. */
export interface Progress {
  start(total: number): void;
  update(done: number): void;
  stop(): void;
}

const SILENT: Progress = { start() {}, update() {}, stop() {} };

/**
 * @param doing e.g. `Calibrating`
 * @param unit of what is counted, e.g. `samples`
 */
export function progressBar(io: CommandIo, doing: string, unit: string): Progress {
  if ((io.stderr as NodeJS.WriteStream).isTTY !== true) return SILENT;
  const format = `${doing} {bar} {percentage} % | {value}/{total} ${unit} | {eta_formatted} left`;
  let drawn: Progress | undefined;
  let stopped = false;
  return {
    start(total) {
      // Loaded only where someone watches.
      void import('cli-progress').then(({ SingleBar }) => {
        if (stopped) return;
        const bar = new SingleBar({ format, stream: io.stderr });
        bar.start(total, 0);
        drawn = { start() {}, update: (done) => bar.update(done), stop: () => bar.stop() };
      });
    },
    update: (done) => drawn?.update(done),
    stop() {
      stopped = true;
      drawn?.stop();
    },
  };
}
