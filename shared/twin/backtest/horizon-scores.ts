import type { Fit } from '../fit/fitting/fit.js';
import type { FreeRun } from '../fit/outputs/held-out.js';
import type { FitRecord } from '../fit/record/record.js';
import { predictions } from './predict.js';
import { RollingQuantile } from './rolling-quantile.js';
import { ScoreCard } from './scores.js';
import type { HorizonScore, Pit } from './types.js';

const SHARES = [0.5, 0.8, 0.95] as const;

/** Predictions at several horizons, judged channel by channel as a record goes on; horizon 0 is the free run. */
export class HorizonScores {
  readonly #names: readonly string[];
  readonly #horizons: readonly number[];
  readonly #cards = new Map<string, ScoreCard>();
  readonly #trackers = new Map<string, RollingQuantile>();

  /** @param names of the channels */
  constructor(names: readonly string[], horizons: readonly number[]) {
    this.#names = names;
    this.#horizons = [...horizons, 0];
  }

  /** Adds what a fit predicts of rows that it has not seen, from one on and before another. */
  add(fit: Fit, run: FreeRun, record: FitRecord, from: number, to: number): void {
    this.#names.forEach((name, c) => {
      for (const horizon of this.#horizons) {
        const key = `${name} ${horizon}`;
        const tracker = keptIn(this.#trackers, key, () => new RollingQuantile());
        const card = keptIn(this.#cards, key, () => new ScoreCard());
        const made = predictions(fit, run, record, c, horizon, from, to);
        made.forEach((p, i) => {
          // Of the predictions, those are finished whose own time is not after this one's origin.
          const finished = horizon === 0 ? undefined : made[i - horizon];
          if (finished !== undefined) tracker.add(finished.error / finished.std);
          if (Number.isNaN(p.error)) return;
          card.add(
            p.error,
            p.std,
            SHARES.map((share) => tracker.factor(share)),
          );
        });
      }
    });
  }

  /** All of it; of what nothing could be predicted, nothing. */
  told(): { horizons: HorizonScore[]; pit: Record<string, Record<string, Pit>> } {
    const horizons: HorizonScore[] = [];
    const pit: Record<string, Record<string, Pit>> = {};
    for (const name of this.#names) {
      for (const horizon of this.#horizons) {
        const card = this.#cards.get(`${name} ${horizon}`);
        if (card === undefined || card.n === 0) continue;
        const samples = horizon === 0 ? 'free-run' : horizon;
        horizons.push(card.score(name, samples));
        pit[name] = { ...pit[name], [samples]: card.pit() };
      }
    }
    return { horizons, pit };
  }
}

function keptIn<T>(map: Map<string, T>, key: string, make: () => T): T {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}
