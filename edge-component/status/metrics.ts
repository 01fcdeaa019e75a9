import { Gauge, Registry } from 'prom-client';
import type { EdgeStatus } from './status.js';

/** What Prometheus sees: the status as numbers. */
export interface Metrics {
  contentType: string;
  /** All of them, of one instant: sums over them add up. */
  text(): Promise<string>;
}

export function createMetrics(status: () => EdgeStatus): Metrics {
  const registry = new Registry();
  let taken: EdgeStatus | undefined;
  const metric = (
    name: string,
    help: string,
    labelNames: readonly string[],
    read: (set: (labels: Record<string, string>, value: number) => void, s: EdgeStatus) => void,
  ) => {
    new Gauge({
      name: `twinloop_edge_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset();
        read((labels, value) => this.set(labels, value), taken ?? status());
      },
    });
  };
  metric('healthy', '1 when all is well', [], (set, s) => set({}, s.healthy ? 1 : 0));
  metric('clock_trusted', '1 when the clock is known to be set', [], (set, s) =>
    set({}, s.clock.trusted ? 1 : 0),
  );
  metric('clock_steps_total', 'Times the clock was set', [], (set, s) => set({}, s.clock.steps));
  metric('outbox_depth', 'Values that wait', [], (set, s) => set({}, s.queueDepth));
  metric('outbox_bytes', 'Bytes in use on disk', [], (set, s) => set({}, s.outbox.bytes));
  metric('outbox_parked', 'Values held because the far end refuses them', [], (set, s) =>
    set({}, s.outbox.parked),
  );
  metric('outbox_oldest_age_seconds', 'Age of the oldest value', [], (set, s) =>
    set({}, s.oldestAgeS),
  );
  metric('outbox_write_faults_total', 'Transactions that failed', [], (set, s) =>
    set({}, s.outbox.writeFaults),
  );
  metric('appended_total', 'Values made durable', [], (set, s) => set({}, s.outbox.appended));
  metric('published_total', 'Values the far end took', [], (set, s) => set({}, s.published));
  metric('messages_total', 'Messages or requests sent', [], (set, s) =>
    set({}, s.publisher.messages),
  );
  metric('retried_total', 'Values sent again', [], (set, s) => set({}, s.publisher.retried));
  metric('publisher_connected', '1 when connected', [], (set, s) =>
    set({}, s.publisher.connected ? 1 : 0),
  );
  metric('dropped_total', 'Values dropped from a full outbox', ['quality'], (set, s) => {
    for (const [quality, count] of Object.entries(s.outbox.dropped)) set({ quality }, count);
  });
  metric('dead_letters_total', 'Values set aside in files', ['reason'], (set, s) => {
    for (const [reason, count] of Object.entries(s.deadLettered)) set({ reason }, count);
  });
  metric('lost_total', 'Values lost for good since the start: 0', ['reason'], (set, s) => {
    for (const [reason, count] of Object.entries(s.lost)) set({ reason }, count);
  });
  metric(
    'dead_letters_deleted_total',
    'Values deleted with old dead letter files, since the outbox was made',
    ['reason'],
    (set, s) => {
      for (const [reason, count] of Object.entries(s.ledger.outbox.lettersDeleted)) {
        set({ reason }, count);
      }
    },
  );
  metric(
    'ledger_total',
    'Values since the outbox was made, by fate',
    ['fate', 'reason'],
    (set, s) => {
      const { stored, accepted, missing, deadLettered, dropped } = s.ledger.outbox;
      for (const [fate, n] of Object.entries({ stored, accepted, missing })) {
        set({ fate, reason: '' }, n);
      }
      for (const [reason, n] of Object.entries(deadLettered))
        set({ fate: 'dead-lettered', reason }, n);
      for (const [reason, n] of Object.entries(dropped)) set({ fate: 'dropped', reason }, n);
    },
  );
  metric('ledger_gaps', 'Places where values are missing: 0', [], (set, s) =>
    set({}, s.ledger.gaps.length),
  );
  metric('source_up', '1 when the source is up', ['source'], (set, s) => {
    for (const source of s.sources) set({ source: source.name }, source.state === 'up' ? 1 : 0);
  });
  const perSource = [
    ['received', 'Readings taken'],
    ['forwarded', 'Values passed on'],
    ['bad', 'BAD values passed on'],
    ['clockFaults', 'Readings whose device time was not believed'],
    ['late', 'Readings that waited on their way for longer than the tolerance for clocks'],
    ['overrun', 'Readings given up because they could not be stored in time'],
    ['restarts', 'Times the source was run anew'],
    ['stored', 'Readings made durable'],
    ['fromHistory', "Readings from a device's history, after a gap"],
    ['made', 'Values stored without a reading: heartbeats, BAD while down'],
  ] as const;
  const perReason = [
    ['refused', 'Readings not stored'],
    ['badReasons', 'BAD values stored'],
    ['uncertainReasons', 'UNCERTAIN values stored'],
    ['notFilled', 'Gaps of signals that could not be filled from a history'],
  ] as const;
  for (const [key, help] of perReason) {
    const name = key.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
    metric(`source_${name}_total`, help, ['source', 'reason'], (set, s) => {
      for (const source of s.sources) {
        for (const [reason, n] of Object.entries(source[key])) {
          set({ source: source.name, reason }, n);
        }
      }
    });
  }
  metric('source_gap', 'Readings that are neither stored nor refused: 0', ['source'], (set, s) => {
    for (const source of s.sources) set({ source: source.name }, source.gap);
  });
  for (const [key, help] of perSource) {
    const name = key.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
    metric(`source_${name}_total`, help, ['source'], (set, s) => {
      for (const source of s.sources) set({ source: source.name }, source[key]);
    });
  }
  return {
    contentType: registry.contentType,
    text: async () => {
      taken = status();
      return await registry.metrics();
    },
  };
}
