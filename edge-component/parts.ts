import { createHash } from 'node:crypto';
import type { EdgeConfig } from '../shared/config/index.js';
import type { Clock, Closeable, Logger } from '../shared/core/index.js';
import type { ClockWatch } from './clock/clock-watch.js';
import type { DeadLetters } from './outbox/dead-letters.js';
import type { Outbox } from './outbox/outbox.js';
import type { EdgeSample } from './outbox/record.js';
import { GATEWAY_CLOCK } from './pipeline/signal-pipeline.js';
import { SourceLedger } from './pipeline/source-ledger.js';
import { createPublisher } from './publishers/create.js';
import { Sender, type SenderOptions } from './publishers/sender.js';
import { createSource } from './sources/create.js';
import type { SampleSink } from './sources/sample-store.js';
import { SourceRunner } from './sources/source-runner.js';
import { LedgerStreams } from './status/ledger-streams.js';
import type { EdgeStatus } from './status/status.js';
import type { VirtualSensors } from './virtual-sensors/virtual-sensors.js';

/** What stays through a change of the config. */
export interface PartsBase {
  dataDir: string;
  baseDir: string;
  outbox: Outbox;
  deadLetters: DeadLetters;
  watch: ClockWatch;
  /** By source name. */
  ledgers: Map<string, SourceLedger>;
  /** Values of the component's own: stored since the start, and being stored. */
  own: { stored: number; inHand: number };
  status: () => EdgeStatus;
  clock: Clock;
  logger: Logger;
}

/** What a config asks for: sources, publisher, virtual sensors, the ledger's streams. */
export class Parts implements Closeable {
  readonly sender: Sender;
  readonly runners: readonly SourceRunner[];
  readonly virtualSensors: VirtualSensors | undefined;
  readonly #ledgerStreams: LedgerStreams | undefined;

  private constructor(
    sender: Sender,
    runners: readonly SourceRunner[],
    virtualSensors: VirtualSensors | undefined,
    ledgerStreams: LedgerStreams | undefined,
  ) {
    this.sender = sender;
    this.runners = runners;
    this.virtualSensors = virtualSensors;
    this.#ledgerStreams = ledgerStreams;
  }

  /**
   * Makes all of them; nothing runs before {@link Parts.start}.
   *
   * @param counts to go on from, of the sender of an earlier config
   */
  static async create(
    config: EdgeConfig,
    base: PartsBase,
    counts: SenderOptions['counts'],
  ): Promise<Parts> {
    const { outbox, deadLetters, watch, clock, logger, ledgers, dataDir, baseDir } = base;
    const random = Math.random;
    const publisher = await createPublisher(config.publisher, {
      clientId: clientIdOf(dataDir),
      clock,
      logger,
    });
    const virtualSensors = await createVirtualSensors(config, base);
    const policy = config.outbox;
    const sender = new Sender({
      ...{ outbox, counts, deadLetters, publisher, policy, clock, trust: watch, logger, random },
    });
    const sink = observedBy(virtualSensors, outbox);
    const runners = config.sources.map((source) => {
      const ledger = ledgers.get(source.name) ?? new SourceLedger();
      ledgers.set(source.name, ledger);
      return new SourceRunner({
        config: source,
        source: createSource(source, { dataDir, baseDir, clock, logger }),
        ...{ sink, clock, logger, random, ledger, trust: watch },
      });
    });
    return new Parts(sender, runners, virtualSensors, createLedgerStreams(config, base));
  }

  start(): void {
    this.sender.start();
    for (const runner of this.runners) runner.start();
    this.virtualSensors?.start();
    this.#ledgerStreams?.start();
  }

  /** Stops reading and sending for a while; connections stay. */
  set paused(paused: boolean) {
    for (const runner of this.runners) runner.paused = paused;
    this.sender.paused = paused;
  }

  /** Sources first, so that nothing new comes while the last is being sent. */
  async close(): Promise<void> {
    await Promise.all(this.runners.map((r) => r.close()));
    await this.virtualSensors?.close();
    await this.#ledgerStreams?.close();
    await this.sender.close();
  }
}

/** The outbox, with the virtual sensors looking on. */
function observedBy(virtualSensors: VirtualSensors | undefined, outbox: Outbox): SampleSink {
  if (virtualSensors === undefined) return outbox;
  return {
    append: async (samples, checkpoint) => {
      await outbox.append(samples, checkpoint);
      virtualSensors.observe(samples);
    },
    checkpoint: (source) => outbox.checkpoint(source),
    get slow() {
      return outbox.slow;
    },
  };
}

/** Stores values that no source handed over. */
async function appendOwn(base: PartsBase, samples: readonly EdgeSample[]): Promise<void> {
  const { own, outbox, watch } = base;
  own.inHand += samples.length;
  try {
    await outbox.append(watch.trusted ? samples : samples.map(uncertain));
    own.stored += samples.length;
  } finally {
    own.inHand -= samples.length;
  }
}

/** As it is while the gateway's clock is not set. */
function uncertain(sample: EdgeSample): EdgeSample {
  if (sample.quality !== 'GOOD') return sample;
  return { ...sample, quality: 'UNCERTAIN', reason: GATEWAY_CLOCK };
}

/** The simulation stack is loaded only where a twin is configured. */
async function createVirtualSensors(
  { virtualSensors: config }: EdgeConfig,
  base: PartsBase,
): Promise<VirtualSensors | undefined> {
  if (config === undefined) return undefined;
  const { baseDir, clock, logger } = base;
  const { VirtualSensors } = await import('./virtual-sensors/virtual-sensors.js');
  const append = (samples: readonly EdgeSample[]) => appendOwn(base, samples);
  return new VirtualSensors({ config, baseDir, append, clock, logger });
}

function createLedgerStreams(config: EdgeConfig, base: PartsBase): LedgerStreams | undefined {
  const { ledgerAlias: prefix, ledgerEveryS: everyS } = config.status;
  if (prefix === undefined) return undefined;
  const { status, clock, logger } = base;
  const append = (samples: readonly EdgeSample[]) => appendOwn(base, samples);
  return new LedgerStreams({ prefix, everyS, status, append, clock, logger });
}

/** One client id per data folder: a second component on another folder must not oust this one. */
function clientIdOf(dataDir: string): string {
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  return `twinloop-edge-${hash}`;
}
