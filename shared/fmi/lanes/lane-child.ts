import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { compiledEntry, type Logger, messageOf } from '../../core/index.js';
import type { Fmu } from '../description/fmu.js';
import { type FromLane, type LaneHello, TELLING_FD, type ToLane } from './lane-protocol.js';
import { endBearers, endTree, LANE_VARIABLE, residentBytes } from './process-tree.js';
import { type SandboxLevel, sandboxedCommand } from './sandbox.js';

/** How long the pipes of a process that has ended are read for, ms: others may hold them open. */
const LAST_WORDS_MS = 250;

/** Last words of a process that are kept for its obituary. */
const STDERR_TAIL = 2000;

/** Those that live: whoever ends this process without closing them leaves none behind. */
const living = new Set<LaneChild>();
process.on('exit', () => {
  for (const child of living) child.kill();
});

export interface LaneChildEvents {
  onMessage(message: FromLane): void;
  /** A line of the telling channel. */
  onLine(line: string): void;
  /** The process has ended, and all that it said was heard. */
  onExit(code: number | null, signal: NodeJS.Signals | null, error?: Error): void;
}

/** The contained process of a lane: how it is started, watched and ended. */
export class LaneChild {
  readonly level: SandboxLevel;
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>;
  /** Whether its program came to life: the sandbox stands. */
  saidHello = false;
  lastWords = '';
  readonly #name = randomUUID();
  readonly #child: ChildProcess;
  readonly #scratch: string | undefined;
  #gone = false;

  constructor(level: SandboxLevel, fmu: Fmu, logger: Logger, events: LaneChildEvents) {
    const started = sandboxedCommand(level, fmu, compiledEntry('fmu-lane'));
    this.level = started.level;
    this.#scratch = started.scratch;
    const child = spawn(started.command, started.args, {
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
      env: { ...started.env, [LANE_VARIABLE]: this.#name },
      detached: process.platform !== 'win32',
      windowsHide: true,
      ...(started.cwd !== undefined && { cwd: started.cwd }),
    });
    this.#child = child;
    living.add(this);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      logger.debug('FMU wrote to stdout', { text: text.trimEnd() });
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.lastWords = (this.lastWords + text).slice(-STDERR_TAIL);
      logger.debug('FMU wrote to stderr', { text: text.trimEnd() });
    });
    createInterface({ input: child.stdio[TELLING_FD] as Readable }).on('line', events.onLine);
    child.on('message', (message) => {
      if ((message as LaneHello).type === 'hello') this.saidHello = true;
      else events.onMessage(message as FromLane);
    });
    this.exited = new Promise((resolve) => {
      const ended = (code: number | null, signal: NodeJS.Signals | null, error?: Error) => {
        if (this.#gone) return;
        this.#gone = true;
        living.delete(this);
        events.onExit(code, signal, error);
        this.#tidy().then(resolve, (fault) => {
          logger.warn('Scratch folder left behind', { error: messageOf(fault) });
          resolve();
        });
      };
      // 'close' waits for everyone who holds the pipes, a forked process included: it may never come.
      child.once('exit', (code, signal) => {
        this.#endDescendants();
        const timer = setTimeout(() => {
          for (const stream of [child.stdout, child.stderr, child.stdio[TELLING_FD]]) {
            (stream as Readable | null)?.destroy();
          }
          ended(code, signal);
        }, LAST_WORDS_MS);
        child.once('close', () => {
          clearTimeout(timer);
          ended(code, signal);
        });
      });
      child.once('error', (error) => {
        if (child.pid === undefined) ended(null, null, error);
      });
    });
  }

  async #tidy(): Promise<void> {
    if (this.#scratch !== undefined) await rm(this.#scratch, { recursive: true, force: true });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(message: ToLane, onFault: () => void): void {
    this.#child.send(message, (error) => {
      if (error !== null && error !== undefined) onFault();
    });
  }

  /** What the process and its descendants have in memory, bytes; 0 where it can't be told. */
  memoryBytes(): number {
    return process.platform === 'linux' ? residentBytes(this.pid) : 0;
  }

  /** What lies in its scratch folder on disk, bytes; a scratch folder in memory limits itself. */
  scratchBytes(): number {
    return this.level === 'process' && this.#scratch !== undefined ? sizeOf(this.#scratch) : 0;
  }

  /** The last descendants: those who left the process behind with its group. */
  #endDescendants(): void {
    if (this.level !== 'namespaces') endTree(this.pid, this.#name);
  }

  /** Ends the process, whatever it is doing, and all that it started. */
  kill(): void {
    if (this.#gone || this.pid === undefined) return;
    if (this.level === 'namespaces') {
      // The kernel ends a namespace with its first process.
      try {
        process.kill(-this.pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
      this.#child.kill('SIGKILL');
      return;
    }
    endTree(this.pid, this.#name);
    this.#child.kill('SIGKILL');
    endBearers(this.#name);
  }
}

/** Bytes of the files in a folder; what vanishes meanwhile counts nothing. */
function sizeOf(folder: string): number {
  let bytes = 0;
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      bytes += entry.isDirectory() ? sizeOf(path) : entry.isFile() ? statSync(path).size : 0;
    }
  } catch {
    return bytes;
  }
  return bytes;
}
