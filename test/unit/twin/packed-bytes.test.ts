import { expect, test } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import {
  type AssetState,
  decodeAssetState,
  encodeAssetState,
  noArrivals,
  noPending,
} from '../../../shared/twin/state/asset-state.js';
import { emptyLedger } from '../../../shared/twin/state/ledger.js';
import { packed, unpacked } from '../../../shared/twin/state/packed-bytes.js';

test('bytes of any length come back as they were, those of doubles from fewer', () => {
  const rng = createRng(1);
  for (const length of [0, 1, 7, 8, 9, 1003]) {
    const bytes = Uint8Array.from({ length }, () => 256 * rng.uniform());
    expect(unpacked(packed(bytes))).toEqual(bytes);
  }
  const doubles = new Uint8Array(Float64Array.from({ length: 500 }, () => rng.normal()).buffer);
  expect(packed(doubles).length).toBeLessThan(0.95 * doubles.length);
});

const state: AssetState = {
  assetId: 'a1',
  twinHash: 'h',
  watermarkNs: 5n,
  groupEndNs: 5n,
  samples: 3,
  inputs: {},
  partial: [],
  ledger: emptyLedger(),
  checkpoint: Uint8Array.of(1, 2, 3),
  marks: [],
  arrivals: noArrivals(0n),
  late: {},
  lateUnused: {},
  rewritten: {},
  quarantined: [],
  pending: noPending,
  runId: 'r',
};

test('a state is read with checkpoints packed, and as they were kept before', () => {
  const { checkpoint: _, ...mark } = { ...state };
  const kept = { ...state, marks: [{ ...mark, checkpoint: Uint8Array.of(9, 8) }] };
  const bytes = encodeAssetState(kept as AssetState);
  const now = decodeAssetState(bytes, 'a1', 'k');
  expect(now.checkpoint).toEqual(state.checkpoint);
  expect(now.marks[0]!.checkpoint).toEqual(Uint8Array.of(9, 8));
  const plain = JSON.parse(new TextDecoder().decode(bytes));
  const before = { ...plain, version: 2, checkpoint: 'AQID', marks: [] };
  const old = decodeAssetState(new TextEncoder().encode(JSON.stringify(before)), 'a1', 'k');
  expect(old.checkpoint).toEqual(state.checkpoint);
});

test('a checkpoint that cannot be unpacked is a damaged state', () => {
  const plain = JSON.parse(new TextDecoder().decode(encodeAssetState(state)));
  const bytes = new TextEncoder().encode(JSON.stringify({ ...plain, checkpoint: '////' }));
  expect(() => decodeAssetState(bytes, 'a1', 'k')).toThrow(/damaged/);
});
