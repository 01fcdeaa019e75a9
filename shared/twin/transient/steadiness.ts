import { chiSquareSurvival, normalCdf } from '../../kalman/index.js';

/** A stretch of a recording, oldest first. */
export interface SteadinessWindow {
  /** Seconds, one per sample, rising. */
  timeS: ArrayLike<number>;
  /** Samples × channels, row-major; `NaN` where there is no value. */
  values: ArrayLike<number>;
  /** Noise's standard deviation per channel; `NaN` where it is not known. */
  noiseStd: ArrayLike<number>;
}

/** What the data say about a stretch. */
export interface Steadiness {
  steady: boolean;
  /** Of the hypothesis that all channels rest, corrected for the number of tests. */
  pValue: number;
  /** The channel that speaks most against it; -1 where nothing could be tested. */
  channel: number;
}

const twoSided = (z: number) => 2 * normalCdf(-Math.abs(z));

/** Normal deviate of a Student t (Abramowitz & Stegun, 26.7.8). */
function normalOfT(t: number, dof: number): number {
  if (!Number.isFinite(t)) return t;
  return (t * (1 - 1 / (4 * dof))) / Math.sqrt(1 + (t * t) / (2 * dof));
}

interface Fit {
  count: number;
  mean: number;
  slope: number;
  /** Sum of squared times about their mean. */
  sxx: number;
  /** Sums of squares about the mean and about the line. */
  aboutMean: number;
  aboutLine: number;
}

function lineThrough(t: readonly number[], y: readonly number[]): Fit {
  const count = y.length;
  const tMean = t.reduce((a, b) => a + b, 0) / count;
  const mean = y.reduce((a, b) => a + b, 0) / count;
  let sxx = 0;
  let sxy = 0;
  let aboutMean = 0;
  y.forEach((value, k) => {
    sxx += (t[k]! - tMean) ** 2;
    sxy += (t[k]! - tMean) * (value - mean);
    aboutMean += (value - mean) ** 2;
  });
  const slope = sxx > 0 ? sxy / sxx : 0;
  return { count, mean, slope, sxx, aboutMean, aboutLine: Math.max(0, aboutMean - slope * sxy) };
}

/** p-values of one channel with known noise, and the squared deviates of slope and newest value. */
function testKnown(t: readonly number[], y: readonly number[], sigma: number) {
  const all = lineThrough(t, y);
  const pValues = [chiSquareSurvival(all.aboutMean / sigma ** 2, all.count - 1)];
  let slopeZ = 0;
  let newestZ = 0;
  if (all.count >= 3) {
    slopeZ = (all.slope * Math.sqrt(all.sxx)) / sigma;
    const before = lineThrough(t.slice(0, -1), y.slice(0, -1));
    newestZ = (y.at(-1)! - before.mean) / (sigma * Math.sqrt(1 + 1 / before.count));
    pValues.push(twoSided(slopeZ), twoSided(newestZ));
  }
  return { pValues, slopeZ, newestZ };
}

/** p-values of one channel whose scatter itself has to tell its noise. */
function testUnknown(t: readonly number[], y: readonly number[]): number[] {
  const changes = y.slice(1).filter((value, k) => value !== y[k]).length;
  // A set-point: where most values repeat to the digit, any change is one of the machine.
  if (changes * 2 < y.length) return [changes === 0 ? 1 : 0];
  if (y.length < 4) return [];
  const all = lineThrough(t, y);
  const before = lineThrough(t.slice(0, -1), y.slice(0, -1));
  const dof = y.length - 2;
  const slopeT = (all.slope * Math.sqrt(all.sxx)) / Math.sqrt(all.aboutLine / dof);
  const scatter = Math.sqrt(before.aboutMean / (before.count - 1));
  const newestT = (y.at(-1)! - before.mean) / (scatter * Math.sqrt(1 + 1 / before.count));
  return [slopeT, newestT].map((value) => twoSided(normalOfT(value, dof)));
}

/**
 * Tells from the data whether a machine rests: per channel the scatter about the mean (chi-square),
 * the slope and the newest value against those before it, and slope and newest value of all
 * channels together; Bonferroni's correction over all of them. Movement slower than the window is
 * overlooked: let it be as long as the machine takes to settle.
 *
 * @param falseAlarm probability that a stretch at rest is taken for a moving one, at most
 */
export function steadiness(window: SteadinessWindow, falseAlarm: number): Steadiness {
  const channels = window.noiseStd.length;
  const samples = window.timeS.length;
  const found: { p: number; channel: number }[] = [];
  const slope = { sum: 0, count: 0, largest: 0, channel: -1 };
  const newest = { sum: 0, count: 0, largest: 0, channel: -1 };
  for (let c = 0; c < channels; c++) {
    const t: number[] = [];
    const y: number[] = [];
    for (let k = 0; k < samples; k++) {
      const value = window.values[k * channels + c]!;
      if (!Number.isFinite(value)) continue;
      t.push(window.timeS[k]!);
      y.push(value);
    }
    if (y.length < 2) continue;
    const sigma = window.noiseStd[c]!;
    if (!(sigma > 0)) {
      for (const p of testUnknown(t, y)) found.push({ p, channel: c });
      continue;
    }
    const { pValues, slopeZ, newestZ } = testKnown(t, y, sigma);
    for (const p of pValues) found.push({ p, channel: c });
    if (y.length < 3) continue;
    for (const [joint, z] of [
      [slope, slopeZ],
      [newest, newestZ],
    ] as const) {
      joint.sum += z * z;
      joint.count++;
      if (joint.channel < 0 || z * z > joint.largest) {
        joint.largest = z * z;
        joint.channel = c;
      }
    }
  }
  for (const joint of [slope, newest]) {
    if (joint.count > 1) {
      found.push({ p: chiSquareSurvival(joint.sum, joint.count), channel: joint.channel });
    }
  }
  let worst = { p: 1, channel: -1 };
  for (const test of found) if (worst.channel < 0 || test.p < worst.p) worst = test;
  const pValue = Math.min(1, worst.p * Math.max(1, found.length));
  return { steady: pValue >= falseAlarm, pValue, channel: worst.channel };
}
