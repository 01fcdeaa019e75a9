import type { TwinDefinition } from '../../shared/config/index.js';
import { type Clock, type Logger, messageOf } from '../../shared/core/index.js';
import type { SiteWiseReader, SiteWiseWriter } from '../../shared/sitewise/index.js';
import { AskingProcess } from './asking/index.js';
import { Audience } from './audience.js';
import type { Snapshot } from './browser/protocol.js';
import { Feed } from './feed.js';
import { OutlookDesk, type OutlookSource } from './outlook.js';
import type { PageStatus } from './status.js';
import { type ReadVerdicts, VerdictDesk } from './verdicts.js';

/** A machine that the page can show. */
export interface PageAsset {
  /** Unique on the page; stands in its address. */
  id: string;
  /** With the asset's own aliases. */
  twin: TwinDefinition;
  /** What SiteWise does not hold; asked with every poll. Left out, there is nothing else. */
  status?: (() => Promise<PageStatus>) | undefined;
  /** What the twin is asked with, or why it cannot be asked. Left out, it cannot. */
  outlook?: OutlookSource | { missing: string } | undefined;
  /** Whether its quantities may be acted on. Left out, the page says nothing of it. */
  verdicts?: ReadVerdicts | undefined;
}

/** How often is read, and how old things may be. */
export interface Pace {
  /** Wall time between two polls. */
  pollIntervalMs: number;
  /** How far back the first read goes, wall seconds. */
  historyS: number;
  /** From a measurement to the result that has it, wall seconds, before the twin counts as behind. */
  calibratedWithinS: number;
  /** Wall seconds without a measurement before the machine counts as silent. */
  measuredWithinS: number;
  /** How far ahead the twin is asked, seconds of the machine. */
  horizonS: number;
}

export interface RoomsOptions {
  reader: SiteWiseReader;
  /** Where acknowledgements go; left out, none are taken. */
  writer?: SiteWiseWriter | undefined;
  assets: readonly PageAsset[];
  pace: Pace;
  clock: Clock;
  logger: Logger;
}

/** A machine that is watched, and who watches it. */
export interface Room {
  feed: Feed;
  audience: Audience;
  outlook: OutlookDesk;
  /** All that is known; undefined before the first poll. */
  snapshot(): Snapshot | undefined;
  /** Makes the binary glTF of the machine; left out without a layout. */
  model: (() => Promise<Uint8Array>) | undefined;
}

interface OpenRoom extends Room {
  verdicts: VerdictDesk;
  stop: AbortController;
  running: Promise<void>;
  kept: boolean;
}

/** A machine that nobody watches any more is read for so many polls yet: a reload comes back soon. */
const POLLS_ALONE = 60;

/** Plans wait for nobody, and nobody waits for them. */
const PLAN_NICENESS = 10;
const PLAN_IDLE_MS = 30_000;

/** The machines that are watched now: each is read while somebody looks at it. */
export class Rooms {
  readonly #options: RoomsOptions;
  readonly #open = new Map<string, OpenRoom>();
  /** Started when a twin is asked; plans go beside it, and give way to it. */
  readonly #asker = new AskingProcess();
  readonly #planner = new AskingProcess({ niceness: PLAN_NICENESS, idleMs: PLAN_IDLE_MS });
  #closed = false;

  constructor(options: RoomsOptions) {
    this.#options = options;
  }

  /** How many machines there are to be shown. */
  get count(): number {
    return this.#options.assets.length;
  }

  /** The machine of that id, or the only one; undefined for an unknown id. */
  enter(id: string | undefined): Room | undefined {
    const { assets } = this.#options;
    const asset =
      id === undefined && assets.length === 1 ? assets[0] : assets.find((a) => a.id === id);
    if (asset === undefined || this.#closed) return undefined;
    const open = this.#open.get(asset.id);
    if (open !== undefined) return open;
    const room = this.#start(asset);
    this.#open.set(asset.id, room);
    return room;
  }

  /** Watches a machine also while nobody looks. */
  keep(id: string): void {
    this.enter(id);
    const room = this.#open.get(id);
    if (room !== undefined) room.kept = true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const rooms = [...this.#open.values()];
    for (const room of rooms) {
      room.stop.abort();
      room.audience.close();
    }
    await Promise.all(rooms.map((room) => room.running));
    await Promise.all([this.#asker.close(), this.#planner.close()]);
  }

  #start(asset: PageAsset): OpenRoom {
    const { reader, writer, clock, logger, pace } = this.#options;
    const outlook = new OutlookDesk({
      source: asset.outlook ?? {
        missing:
          'This page was started without the twin’s model and state: it shows the past only.',
      },
      asker: this.#asker,
      planner: this.#planner,
      horizonS: pace.horizonS,
      clock,
      logger,
    });
    const feed = new Feed({
      outlook,
      reader,
      writer,
      twin: asset.twin,
      status: asset.status ?? (async () => ({ calibrations: [], endpoints: {} })),
      clock,
      logger,
      ...pace,
    });
    const verdicts = new VerdictDesk(asset.verdicts, logger);
    const snapshot = () => {
      const known = feed.snapshot();
      return known && { ...known, ...verdicts.newest };
    };
    const audience = new Audience(snapshot);
    const stop = new AbortController();
    const room: OpenRoom = {
      feed,
      audience,
      outlook,
      verdicts,
      snapshot,
      model: modelOf(asset.twin),
      stop,
      kept: false,
      running: Promise.resolve(),
    };
    room.running = this.#run(asset, room).catch((error: unknown) => {
      if (stop.signal.aborted) return;
      logger.error('The page stopped reading', { asset: asset.id, reason: messageOf(error) });
    });
    return room;
  }

  async #run(asset: PageAsset, room: OpenRoom): Promise<void> {
    const { clock, pace } = this.#options;
    const { signal } = room.stop;
    let alone = 0;
    try {
      while (!signal.aborted && alone < POLLS_ALONE) {
        const update = await room.feed.poll(signal);
        room.audience.send({ ...update, ...(await room.verdicts.news(room.feed.calibrationKey)) });
        // Asked only while somebody looks: it takes the machine's cores for a moment.
        if (room.audience.size > 0) {
          room.outlook.refresh(room.feed.calibrationKey, room.feed.readings());
        }
        alone = room.kept || room.audience.size > 0 ? 0 : alone + 1;
        await clock.sleep(pace.pollIntervalMs, signal);
      }
    } finally {
      await room.outlook.close();
      this.#open.delete(asset.id);
    }
  }
}

/** What gives the machine's model in space, where it has one. */
function modelOf({ layout, picture }: TwinDefinition): (() => Promise<Uint8Array>) | undefined {
  const own = picture?.glb;
  if (own !== undefined) return async () => Buffer.from(own, 'base64');
  if (layout === undefined) return undefined;
  return async () => {
    // Loaded when a page asks for it: few do.
    const { createMachineModel } = await import('../../shared/scene/index.js');
    return createMachineModel(layout);
  };
}
