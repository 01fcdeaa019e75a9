import type { EventMemory } from '../transient/events.js';
import type { StoredArrays, TransientMemory } from './filter-state.js';

const TRANSIENT_VECTORS = [
  'stateMean',
  'stateFactor',
  'stateScale',
  'lastInnovation',
  'lastInputs',
  'window',
] as const satisfies readonly (keyof TransientMemory)[];
const OPTIONAL_VECTORS = [
  'inputStd',
  'statedStd',
  'statedLead',
  'speed',
  'noiseWatch',
  'inputHabits',
] as const satisfies readonly (keyof TransientMemory)[];
const TRANSIENT_NUMBERS = [
  'stateNoiseLog',
  'fmuTimeS',
  'settlingTimeS',
  'eventScale',
  'speedNoise',
  'intervalS',
] as const satisfies readonly (keyof TransientMemory)[];

const EVENT_VECTORS = [
  'sums',
  'onsetS',
  'calmStd',
  'boost',
  'past',
] as const satisfies readonly (keyof EventMemory)[];
const EVENT_NUMBERS = ['quiet', 'sinceS'] as const satisfies readonly (keyof EventMemory)[];

/** What transient mode remembers as named arrays. */
export function encodeTransient(
  transient: TransientMemory,
  arrays: Record<string, Float64Array>,
): void {
  for (const name of TRANSIENT_VECTORS) arrays[name] = transient[name];
  for (const name of TRANSIENT_NUMBERS) {
    const value = transient[name];
    arrays[name] = value === undefined ? new Float64Array() : Float64Array.of(value);
  }
  if (transient.modelMemory !== undefined) arrays.modelMemory = packed(transient.modelMemory);
  const { events, held } = transient;
  for (const name of OPTIONAL_VECTORS) {
    const found = transient[name];
    if (found !== undefined) arrays[name] = found;
  }
  if (held !== undefined) {
    arrays['held.x'] = held.x;
    arrays['held.S'] = held.S;
    if (held.lead !== undefined) arrays['held.lead'] = held.lead;
    if (held.error !== undefined) {
      arrays['held.error.x'] = held.error.x;
      arrays['held.error.S'] = held.error.S;
    }
  }
  if (events === undefined) return;
  for (const name of EVENT_VECTORS) arrays[`events.${name}`] = events[name];
  for (const name of EVENT_NUMBERS) arrays[`events.${name}`] = Float64Array.of(events[name]);
}

/** The same from its arrays. */
export function decodeTransient(arrays: StoredArrays): TransientMemory {
  const [x, S, errorX, errorS] = ['x', 'S', 'error.x', 'error.S'].map((k) => arrays[`held.${k}`]);
  const error =
    errorX === undefined || errorS === undefined ? {} : { error: { x: errorX, S: errorS } };
  const vectors = Object.fromEntries(
    TRANSIENT_VECTORS.map((name) => [name, arrays[name] ?? new Float64Array()]),
  );
  return {
    ...(vectors as Pick<TransientMemory, (typeof TRANSIENT_VECTORS)[number]>),
    stateNoiseLog: arrays.stateNoiseLog?.[0] ?? 0,
    fmuTimeS: arrays.fmuTimeS?.[0],
    settlingTimeS: arrays.settlingTimeS?.[0],
    ...(arrays.eventScale?.length === 1 ? { eventScale: arrays.eventScale[0] } : {}),
    ...(arrays.speedNoise?.length === 1 ? { speedNoise: arrays.speedNoise[0] } : {}),
    ...(arrays.intervalS?.length === 1 ? { intervalS: arrays.intervalS[0] } : {}),
    ...Object.fromEntries(
      OPTIONAL_VECTORS.flatMap((name) =>
        arrays[name] === undefined ? [] : [[name, arrays[name]]],
      ),
    ),
    ...(arrays.modelMemory !== undefined && { modelMemory: unpacked(arrays.modelMemory) }),
    ...(x === undefined || S?.length !== x.length ** 2
      ? {}
      : { held: { x, S, lead: arrays['held.lead'], ...error } }),
    ...(arrays['events.sums'] === undefined ? {} : { events: decodeEvents(arrays) }),
  };
}

function decodeEvents(arrays: StoredArrays): EventMemory {
  const of = (name: (typeof EVENT_VECTORS)[number]) =>
    arrays[`events.${name}`] ?? new Float64Array();
  return {
    sums: of('sums'),
    onsetS: of('onsetS'),
    calmStd: of('calmStd'),
    boost: of('boost'),
    past: of('past'),
    quiet: arrays['events.quiet']?.[0] ?? 0,
    sinceS: arrays['events.sinceS']?.[0] ?? Number.NaN,
  };
}

/** Bytes as doubles: their number, then four in each, as a whole number: no bit patterns of NaN. */
function packed(bytes: Uint8Array): Float64Array {
  const doubles = new Float64Array(1 + Math.ceil(bytes.length / 4));
  doubles[0] = bytes.length;
  bytes.forEach((byte, i) => {
    doubles[1 + (i >> 2)]! += byte * 256 ** (i & 3);
  });
  return doubles;
}

function unpacked(doubles: Float64Array): Uint8Array {
  return Uint8Array.from({ length: doubles[0]! }, (_, i) =>
    Math.floor(doubles[1 + (i >> 2)]! / 256 ** (i & 3)),
  );
}
