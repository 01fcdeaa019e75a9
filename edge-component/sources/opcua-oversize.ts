import { AttributeIds, type ClientSession, type NotificationMessage } from 'node-opcua-client';
import type { OpcuaSourceConfig } from '../../shared/config/index.js';
import { type Logger, messageOf } from '../../shared/core/index.js';
import { nodeName, resolveNodes } from './opcua-nodes.js';

/** Why the values of a signal are BAD that are too long to be taken. */
export const TOO_LARGE = 'value-too-large';
/** A connection that breaks again so soon may be broken by what it has to carry. */
const SOON_MS = 60_000;
/** Nodes in one request, at first. */
const PORTION = 100;
/** Connections that may break in one search. */
const MOST_BREAKS = 200;
/** The stack never answers a request whose answer it could not read. */
const READ_MS = 3000;
/** A node that was too long is tried again so often. */
const RETRY_MS = 300_000;

/** Opens a session for a short while. @throws where there is none, or it breaks */
export type WithSession = <T>(use: (session: ClientSession) => Promise<T>) => Promise<T>;

/**
 * Finds the nodes whose values are too long: one of them breaks the connection, or makes a message of many values
 * unreadable, and would take all other signals with it. They are left out, and tried again now and then.
 */
export class OversizeNodes {
  readonly #config: OpcuaSourceConfig;
  readonly #logger: Logger;
  /** Of signals, by their indexes: when they are tried again, monotonic. */
  readonly #known = new Map<number, number>();
  #suspected = false;
  #brokeMs = Number.NEGATIVE_INFINITY;

  constructor(config: OpcuaSourceConfig, logger: Logger) {
    this.#config = config;
    this.#logger = logger;
  }

  has(signal: number): boolean {
    return this.#known.has(signal);
  }

  /** What somebody has to look at. */
  get faults(): string[] {
    const { maxMessageBytes } = this.#config;
    return [...this.#known.keys()].map(
      (index) =>
        `the value of ${nodeName(this.#config, index)} cannot be read: it is longer than maxMessageBytes (${maxMessageBytes}), or broken`,
    );
  }

  /** Something came that could not be read. */
  suspect(): void {
    this.#suspected = true;
  }

  /** The connection broke: where it does so again and again, it may be for what it has to carry. */
  broke(): void {
    const nowMs = performance.now();
    if (nowMs - this.#brokeMs < SOON_MS) this.#suspected = true;
    this.#brokeMs = nowMs;
  }

  /** Looks before the nodes are monitored, where there is reason to. */
  async look(withSession: WithSession): Promise<void> {
    if (!this.#suspected && this.#known.size === 0) return;
    const indexes = this.#suspected
      ? this.#config.signals.map((_, i) => i)
      : [...this.#known.keys()];
    this.#suspected = false;
    await this.#search(indexes, withSession);
  }

  /** @returns whether one that was too long is no more: then it can be monitored */
  async lookAgain(withSession: WithSession): Promise<boolean> {
    const nowMs = performance.now();
    const due = [...this.#known].filter(([, atMs]) => atMs <= nowMs).map(([index]) => index);
    if (due.length === 0) return false;
    await this.#search(due, withSession);
    return due.some((index) => !this.#known.has(index));
  }

  async #search(indexes: readonly number[], withSession: WithSession): Promise<void> {
    const { nodeIds } = await withSession(
      async (session) => await resolveNodes(this.#config, session, indexes, PORTION),
    );
    const before = new Map(this.#known);
    for (const index of indexes) this.#known.delete(index);
    /** Those that broke a connection alone, once: it may have been chance. */
    const alone = new Set<number>();
    const open: [number, string][][] = [];
    const all = [...nodeIds];
    for (let at = 0; at < all.length; at += PORTION) open.push(all.slice(at, at + PORTION));
    for (let breaks = 0; open.length > 0; ) {
      let opened = false;
      try {
        await withSession(async (session) => {
          opened = true;
          for (let next = open[0]; next !== undefined; next = open[0]) {
            const read = await inTime(
              session.read(next.map(([, nodeId]) => ({ nodeId, attributeId: AttributeIds.Value }))),
            );
            if (read.length !== next.length) throw new Error('not all were answered');
            open.shift();
          }
        });
      } catch (error) {
        if (!opened || ++breaks > MOST_BREAKS) {
          // The server is away: nothing is known of its values.
          for (const [index, atMs] of before) this.#known.set(index, atMs);
          this.#suspected = true;
          throw error;
        }
        const portion = open.shift() ?? [];
        if (portion.length > 1) {
          const half = Math.ceil(portion.length / 2);
          open.unshift(portion.slice(0, half), portion.slice(half));
          continue;
        }
        for (const [index, nodeId] of portion) {
          if (alone.has(index)) this.#note(index, before.has(index), messageOf(error));
          else open.unshift([[index, nodeId]]);
          alone.add(index);
        }
      }
    }
  }

  #note(index: number, wasKnown: boolean, error: string): void {
    this.#known.set(index, performance.now() + RETRY_MS);
    if (wasKnown) return;
    this.#logger.warn('The value of a node cannot be read: it is left out, and tried again', {
      source: this.#config.name,
      node: nodeName(this.#config, index),
      maxMessageBytes: this.#config.maxMessageBytes,
      error,
    });
  }
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${READ_MS} ms`)), READ_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Whether a notification of values came without any: the stack passes on what it could not read, such as an array of
 * more than a million elements among other values, as if it were empty.
 */
export function isUnreadable(message: NotificationMessage): boolean {
  return (message.notificationData ?? []).some((data) => {
    if (data === null) return true;
    const { monitoredItems, events, status } = data as {
      monitoredItems?: readonly unknown[] | null;
      events?: readonly unknown[] | null;
      status?: unknown;
    };
    if (status !== undefined || (events ?? []).length > 0) return false;
    return (monitoredItems ?? []).length === 0;
  });
}
