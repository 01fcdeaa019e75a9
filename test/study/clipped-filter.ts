/**
 * The baseline: an unscented filter as a first attempt has it. α = 1e-3, sigma points from a
 * Cholesky factor of |P| with P's signs, an innovation covariance without the process noise, which
 * the posterior then gets, and the mean clipped to [0, 0.5].
 */
export function runBaseline(
  measuredAt: (row: number) => Float64Array,
  observe: (b: Float64Array) => Float64Array,
  rows: number,
  stride: number,
  noiseStd: number,
  visit: (row: number, mean: Float64Array, std: Float64Array, nis: number) => void,
): void {
  const n = 9;
  const alpha = 1e-3;
  const lambda = alpha * alpha * n - n;
  const w = 1 / (2 * (n + lambda));
  const w0 = lambda / (n + lambda);
  const wc0 = w0 + 1 - alpha * alpha + 2;
  const Q = 1e-4;
  let mean = new Float64Array(n).fill(1e-3);
  let P = new Float64Array(n * n);
  for (let i = 0; i < n; i++) P[i * n + i] = Q;
  const clip = (b: Float64Array) => b.map((v) => Math.min(0.5, Math.max(0, v)));
  for (let row = 0; row < rows; row += stride) {
    const L = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        let sum = Math.abs(P[i * n + j]!);
        for (let k = 0; k < j; k++) sum -= L[i * n + k]! * L[j * n + k]!;
        L[i * n + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / L[j * n + j]!;
      }
    }
    for (let i = 0; i < n; i++)
      for (let j = 0; j < i; j++) L[i * n + j]! *= Math.sign(P[i * n + j]!);
    const scale = Math.sqrt(n + lambda);
    const points = [mean];
    for (let k = 0; k < n; k++) {
      for (const s of [1, -1]) points.push(mean.map((v, i) => v + s * scale * L[i * n + k]!));
    }
    const ys = points.map((p) => observe(clip(p)).subarray(0, n));
    const y0 = ys[0]!;
    const shift = new Float64Array(n);
    for (let p = 1; p < ys.length; p++)
      for (let o = 0; o < n; o++) shift[o]! += w * (ys[p]![o]! - y0[o]!);
    const Pyy = new Float64Array(n * n);
    const Pxy = new Float64Array(n * n);
    ys.forEach((y, p) => {
      const wc = p === 0 ? wc0 : w;
      for (let i = 0; i < n; i++) {
        const di = y[i]! - y0[i]! - shift[i]!;
        const dx = points[p]![i]! - mean[i]!;
        for (let j = 0; j < n; j++) {
          const dj = y[j]! - y0[j]! - shift[j]!;
          Pyy[i * n + j]! += wc * di * dj;
          Pxy[i * n + j]! += wc * dx * dj;
        }
      }
    });
    for (let i = 0; i < n; i++) Pyy[i * n + i]! += noiseStd * noiseStd;
    // Gain by Gauss-Jordan on [Pyy | ν | Pxyᵀ].
    // It has no notion of a missing value: nothing new there.
    const innovation = measuredAt(row).map((v, o) =>
      Number.isNaN(v) ? 0 : v - y0[o]! - shift[o]!,
    );
    const cols = 2 * n + 1;
    const work = new Float64Array(n * cols);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) work[i * cols + j] = Pyy[i * n + j]!;
      work[i * cols + n] = innovation[i]!;
      for (let j = 0; j < n; j++) work[i * cols + n + 1 + j] = Pxy[j * n + i]!;
    }
    for (let p = 0; p < n; p++) {
      let best = p;
      for (let i = p; i < n; i++)
        if (Math.abs(work[i * cols + p]!) > Math.abs(work[best * cols + p]!)) best = i;
      for (let c = 0; c < cols; c++) {
        const t = work[p * cols + c]!;
        work[p * cols + c] = work[best * cols + c]!;
        work[best * cols + c] = t;
      }
      const pivot = work[p * cols + p]! || 1e-300;
      for (let c = 0; c < cols; c++) work[p * cols + c]! /= pivot;
      for (let i = 0; i < n; i++) {
        const f = work[i * cols + p]!;
        if (i === p || f === 0) continue;
        for (let c = 0; c < cols; c++) work[i * cols + c]! -= f * work[p * cols + c]!;
      }
    }
    let nis = 0;
    const next = mean.slice();
    const posterior = P.slice();
    for (let i = 0; i < n; i++) {
      nis += innovation[i]! * work[i * cols + n]!;
      for (let o = 0; o < n; o++) {
        next[i]! += Pxy[i * n + o]! * work[o * cols + n]!;
        for (let j = 0; j < n; j++)
          posterior[i * n + j]! -= Pxy[i * n + o]! * work[o * cols + n + 1 + j]!;
      }
      posterior[i * n + i]! += Q;
    }
    mean = clip(next.map((v) => (Number.isFinite(v) ? v : 0)));
    P = posterior.map((v) => (Number.isFinite(v) ? v : 0));
    const std = Float64Array.from({ length: n }, (_, i) => Math.sqrt(Math.max(0, P[i * n + i]!)));
    visit(row, mean, std, nis);
  }
}
