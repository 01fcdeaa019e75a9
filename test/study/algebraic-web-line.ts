/** Idle rollers in the order of the parameters b1–b5, b7–b10. */
export const ROLLERS = [1, 2, 3, 4, 5, 7, 8, 9, 10] as const;
const RADIUS_M = 0.05;
const STIFFNESS_N = 4e5;
const LINE_SPEED = 1;
/** Micro-slip at the capstan limit, m/s. */
const MICRO_SLIP = 1e-4;
/** Capstan limit exp(μ·wrap) per roller, in the order of {@link ROLLERS}. */
const CAPSTAN = [1.83, 1.83, 1.8103, 1.83, 1.83, 1.83, 1.83, 1.8525, 1.83];

/** Outputs: nine speeds [rad/s], nine slip velocities [m/s], tensions S1–S12 [N]. */
export const OUTPUT_COUNT = 30;

/**
 * The roll-to-roll line's steady state by algebra: torque balance of each roller, strain carried
 * along the web, anchored at the driven nip behind R5, and traction that ends at the capstan limit.
 * S1 (100 N) and S11 (150 N) are held; drag raises the tension downstream of a roller.
 *
 * @param drag nine drags, N·m·s/rad; slightly negative values are borne
 * @param stiffnessN the web's EA
 * @param lineSpeed m/s
 */
export function webLine(
  drag: ArrayLike<number>,
  stiffnessN = STIFFNESS_N,
  lineSpeed = LINE_SPEED,
): Float64Array {
  const out = new Float64Array(OUTPUT_COUNT);
  const tension = out.subarray(18);
  const omega = new Float64Array(9).fill(lineSpeed / RADIUS_M);
  const gross = new Array<boolean>(9).fill(false);
  const web = (k: number) =>
    (lineSpeed * (1 + tension[k]! / stiffnessN)) / (1 + tension[5]! / stiffnessN);
  // Speeds enter the torques by a few parts in 1e4 only: five sweeps reach 1e-15.
  for (let sweep = 0; sweep < 5; sweep++) {
    tension[0] = 100;
    tension[10] = 150;
    tension[11] = 100;
    const pull = (i: number) =>
      (drag[i]! * (gross[i] ? lineSpeed / RADIUS_M : omega[i]!)) / RADIUS_M;
    for (let i = 0; i < 5; i++) {
      const held = tension[i]!;
      const limit = CAPSTAN[i]! * held;
      gross[i] = held + pull(i) > limit;
      tension[i + 1] = gross[i] ? limit : held + pull(i);
    }
    for (let i = 8; i >= 5; i--) {
      const held = tension[i + 2]!;
      const limit = held / CAPSTAN[i]!;
      gross[i] = held - pull(i) < limit;
      tension[i + 1] = gross[i] ? limit : held - pull(i);
    }
    for (let i = 0; i < 9; i++) {
      const before = tension[i < 5 ? i : i + 1]!;
      const after = tension[i < 5 ? i + 1 : i + 2]!;
      const speed = web(i < 5 ? i : i + 1);
      const slip = gross[i]
        ? speed - ((after - before) * RADIUS_M * RADIUS_M) / drag[i]!
        : (MICRO_SLIP * (after / before - 1)) / (CAPSTAN[i]! - 1);
      omega[i] = (speed - slip) / RADIUS_M;
      out[i] = omega[i]!;
      out[9 + i] = slip;
    }
  }
  return out;
}
