import { type Frequency, fourier } from './variance-components.js';

/** Neighbouring frequencies on either side that a spectrum of draws is the mean of. */
const SMOOTH = 2;
/** Time constants of what residuals may remember, in rows. */
const MEMORIES = [1, 4, 16, 64] as const;

/** What spectra are made of. */
export interface SpectraOf {
  /** A column for each channel, `NaN` where there is none. */
  residuals: readonly Float64Array[];
  /** The sensors' noise, `NaN` where none is stated: then it is a part to be found. */
  stated: Float64Array;
  /** For each part to be tried, draws of what it does to the outputs: rows × channels. */
  draws: readonly (readonly Float64Array[])[];
}

/**
 * Residuals of one stretch of rows by frequency, with what may have made them. The parts of its
 * covariance: each of the draws', then white noise of each channel, then what each channel remembers.
 *
 * Spectra of draws are those of the same rows: what leaks from one frequency to another leaks alike.
 */
export function residualSpectra(
  { residuals, stated, draws }: SpectraOf,
  from: number,
  length: number,
): Frequency[] {
  const m = residuals.length;
  const size = 2 * m;
  const cut = residuals.map((e) => e.slice(from, from + length));
  const has = cut.map((e) => e.map((v) => (Number.isNaN(v) ? 0 : 1)));
  const e = cut.map((column) => fourier(column.map((v) => (Number.isNaN(v) ? 0 : v))));
  const drawn = draws.map((of) =>
    crossSpectra(
      of.map((outputs) =>
        has.map((h, c) => fourier(h.map((used, row) => used * outputs[(from + row) * m + c]!))),
      ),
    ),
  );
  const white = has.map((h) => spectrumOf(h, (lag) => (lag === 0 ? 1 : 0)));
  const memories = has.flatMap((h, c) =>
    MEMORIES.map((rows) => ({ c, of: spectrumOf(h, (lag) => Math.exp(-lag / rows)) })),
  );
  const least = cut.map((column) => LEAST * mean(column.map((v) => (Number.isNaN(v) ? 0 : v * v))));
  const on = (c: number, v: number) => {
    const V = new Float64Array(size * size);
    V[c * (size + 1)] = v;
    V[(m + c) * (size + 1)] = v;
    return V;
  };
  return Array.from(e[0]!.re, (_, f) => {
    const known = new Float64Array(size * size);
    stated.forEach((s, c) => {
      const v = (Number.isNaN(s) ? least[c]! : s * s) * white[c]![f]! + 1e-300;
      known[c * (size + 1)] = v;
      known[(m + c) * (size + 1)] = v;
    });
    return {
      z: Float64Array.of(...e.map((t) => t.re[f]!), ...e.map((t) => t.im[f]!)),
      known,
      parts: [
        ...drawn.map((s) => s[f]!),
        ...white.map((s, c) => on(c, s[f]!)),
        ...memories.map((s) => on(s.c, s.of[f]!)),
      ],
    };
  });
}

/** Share of a channel's variance that keeps its covariance from vanishing where no noise is stated. */
const LEAST = 1e-6;

const mean = (values: Float64Array) => values.reduce((sum, v) => sum + v, 0) / values.length;

/** Mean over draws and neighbouring frequencies of z zᴴ, as symmetric matrices. */
function crossSpectra(
  draws: readonly (readonly { re: Float64Array; im: Float64Array }[])[],
): Float64Array[] {
  const m = draws[0]!.length;
  const size = 2 * m;
  const own = Array.from(draws[0]![0]!.re, (_, f) => {
    const V = new Float64Array(size * size);
    for (const z of draws) {
      for (let a = 0; a < m; a++) {
        for (let b = 0; b < m; b++) {
          const [p, q] = [z[a]!, z[b]!];
          const re = (p.re[f]! * q.re[f]! + p.im[f]! * q.im[f]!) / draws.length;
          const im = (p.im[f]! * q.re[f]! - p.re[f]! * q.im[f]!) / draws.length;
          V[a * size + b]! += re;
          V[(m + a) * size + m + b]! += re;
          V[(m + a) * size + b]! += im;
          V[a * size + m + b]! -= im;
        }
      }
    }
    return V;
  });
  return own.map((_, f) => {
    const near = own.slice(Math.max(0, f - SMOOTH), f + SMOOTH + 1);
    return own[f]!.map((_, i) => near.reduce((sum, V) => sum + V[i]!, 0) / near.length);
  });
}

/** What a process of one autocovariance has at each frequency, where only some of its rows are seen. */
function spectrumOf(has: Float64Array, covariance: (lag: number) => number): Float64Array {
  const n = has.length;
  const seen = new Float64Array(n);
  for (let lag = 0; lag < n; lag++) {
    const c = covariance(lag);
    if (c === 0) continue;
    for (let row = 0; row + lag < n; row++) seen[lag]! += (c * has[row]! * has[row + lag]!) / n;
  }
  const cos = Float64Array.from(seen, (_, k) => Math.cos((2 * Math.PI * k) / n));
  return Float64Array.from({ length: Math.floor((n - 1) / 2) }, (_, f) => {
    let sum = seen[0]!;
    for (let lag = 1; lag < n; lag++) sum += 2 * seen[lag]! * cos[((f + 1) * lag) % n]!;
    return Math.max(0, sum);
  });
}
