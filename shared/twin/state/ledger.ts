import type { TwinDefinition } from '../../config/index.js';

/** What became of the readings of one stream. */
export interface StreamLedger {
  /** Readings that were read, each counted once. */
  received: number;
  /** Of those: entered a sample, or set an input. */
  aligned: number;
  /** Belonged to an instant that the sample period passes over. */
  thinned: number;
  /** Not GOOD, or no number. */
  unusable: number;
  /** Of a timestamp that the stream had already. */
  duplicate: number;
  /** Arrived behind the estimate by more than the late window. */
  lateUnused: number;
}

/** What became of the samples that readings were joined to. */
export interface SampleLedger {
  aligned: number;
  assimilated: number;
  /** Not assimilated, by the calibrator's reason. */
  skipped: Readonly<Record<string, number>>;
  /** Set aside after repeated failures of the model. */
  quarantined: number;
}

/** The fate of every reading and sample of an asset, over its life. */
export interface Ledger {
  streams: Readonly<Record<string, StreamLedger>>;
  samples: SampleLedger;
}

const NONE: StreamLedger = {
  received: 0,
  aligned: 0,
  thinned: 0,
  unusable: 0,
  duplicate: 0,
  lateUnused: 0,
};

/** A ledger with nothing in it yet. */
export function emptyLedger(): Ledger {
  return { streams: {}, samples: { aligned: 0, assimilated: 0, skipped: {}, quarantined: 0 } };
}

/** A ledger with more readings of a stream; the given one stays as it is. */
export function addReadings(ledger: Ledger, alias: string, more: Partial<StreamLedger>): Ledger {
  const before = ledger.streams[alias] ?? NONE;
  const keys = Object.keys(NONE) as (keyof StreamLedger)[];
  const after = Object.fromEntries(keys.map((k) => [k, before[k] + (more[k] ?? 0)]));
  return { ...ledger, streams: { ...ledger.streams, [alias]: after as unknown as StreamLedger } };
}

/** What became of a sample: assimilated, set aside, or the calibrator's reason to leave it out. */
export type SampleFate = 'assimilated' | 'quarantined' | { skipped: string };

/** A ledger with one more sample. */
export function addSample(ledger: Ledger, fate: SampleFate): Ledger {
  const { aligned, assimilated, skipped, quarantined } = ledger.samples;
  const samples = { aligned: aligned + 1, assimilated, skipped, quarantined };
  if (fate === 'assimilated') samples.assimilated++;
  else if (fate === 'quarantined') samples.quarantined++;
  else samples.skipped = { ...skipped, [fate.skipped]: (skipped[fate.skipped] ?? 0) + 1 };
  return { ...ledger, samples };
}

/** The streams that an asset's ledger counts: inputs that follow one, and what is measured. */
export function ledgerAliases(twin: TwinDefinition): string[] {
  const inputs = twin.inputs.flatMap((i) =>
    i.alias === undefined || i.value !== undefined ? [] : [i.alias],
  );
  return [...new Set([...inputs, ...twin.measured.map((m) => m.alias)])];
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/**
 * Checks that nothing is missing: received = the sum of what readings became; aligned samples = the
 * sum of what samples became.
 *
 * @returns a sentence per sum that does not match; none where all do
 */
export function ledgerFaults(ledger: Ledger): string[] {
  const faults: string[] = [];
  for (const [alias, s] of Object.entries(ledger.streams)) {
    const { received, ...fates } = s;
    const told = sum(Object.values(fates));
    if (told !== received) {
      faults.push(`${alias}: ${received} readings received, the fate of ${told} is known`);
    }
  }
  const { aligned, assimilated, skipped, quarantined } = ledger.samples;
  const told = assimilated + quarantined + sum(Object.values(skipped));
  if (told !== aligned) faults.push(`${aligned} samples aligned, the fate of ${told} is known`);
  return faults;
}

/** A ledger in one line of figures, summed over the streams. */
export interface LedgerTotals extends StreamLedger {
  samples: number;
  assimilated: number;
  skipped: number;
  quarantined: number;
}

/** Sums a ledger over its streams. */
export function ledgerTotals(ledger: Ledger): LedgerTotals {
  const of = (key: keyof StreamLedger) => sum(Object.values(ledger.streams).map((s) => s[key]));
  return {
    received: of('received'),
    aligned: of('aligned'),
    thinned: of('thinned'),
    unusable: of('unusable'),
    duplicate: of('duplicate'),
    lateUnused: of('lateUnused'),
    samples: ledger.samples.aligned,
    assimilated: ledger.samples.assimilated,
    skipped: sum(Object.values(ledger.samples.skipped)),
    quarantined: ledger.samples.quarantined,
  };
}
