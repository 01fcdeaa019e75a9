/** Radius (m), web stiffness E A (N), set tensions (N), micro-slip at the limit of grip (m/s). */
const RADIUS = 0.05;
const STIFFNESS = 4e5;
const NIP_TENSION = 150;
const UNWIND_DROOP = 125;
const MICRO_SLIP = 1e-4;

export const ROLLERS = [1, 2, 3, 4, 5, 7, 8, 9, 10] as const;
export const SPANS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] as const;

const capstan = (roller: number) => (roller === 3 ? 1.810231 : roller === 9 ? 1.852438 : 1.83);

/** A state of rest of the line, by roller and span number. */
export interface SteadyLine {
  omega: Record<number, number>;
  tension: Record<number, number>;
  slip: Record<number, number>;
}

/**
 * The line's state of rest from algebra alone, beside the FMU's differential equations: torque
 * balance of each roller, the capstan limit, and one mass flow of web along the whole line.
 *
 * @param drag by roller, N.m.s/rad, at least 0
 */
export function solveSteadyLine(
  drag: Readonly<Record<number, number>>,
  lineSpeed: number,
  unwindTension: number,
): SteadyLine {
  const omega: Record<number, number> = {};
  const slip: Record<number, number> = {};
  const tension: Record<number, number> = { 11: NIP_TENSION, 12: 100 };
  for (const k of SPANS) tension[k] ??= 100;
  for (const i of ROLLERS) omega[i] = lineSpeed / RADIUS;
  const strain = (k: number) => tension[k]! / STIFFNESS;
  /** Force that the roller takes from the web while it grips, N. */
  const grippingPull = (i: number, flow: number) => {
    const ratio = Math.min(tension[i + 1]! / tension[i]!, capstan(i));
    const micro = (MICRO_SLIP * (ratio - 1)) / (capstan(i) - 1);
    omega[i] = (flow * (1 + strain(i)) - micro) / RADIUS;
    return (drag[i]! * omega[i]!) / RADIUS;
  };
  const setSlip = (i: number, flow: number, gripping: boolean) => {
    if (!gripping) omega[i] = ((tension[i + 1]! - tension[i]!) * RADIUS) / drag[i]!;
    slip[i] = flow * (1 + strain(i)) - RADIUS * omega[i]!;
  };
  // Speeds move by shares of 1e-4 with the tensions: this converges in a few rounds.
  for (let round = 0; round < 60; round++) {
    const flow = lineSpeed / (1 + strain(6));
    tension[1] = unwindTension - UNWIND_DROOP * (lineSpeed - flow * (1 + strain(1)));
    for (const i of [1, 2, 3, 4, 5]) {
      const pull = grippingPull(i, flow);
      const most = tension[i]! * capstan(i);
      tension[i + 1] = Math.min(tension[i]! + pull, most);
      setSlip(i, flow, tension[i]! + pull < most);
    }
    for (const i of [10, 9, 8, 7]) {
      const pull = grippingPull(i, flow);
      const least = tension[i + 1]! / capstan(i);
      tension[i] = Math.max(tension[i + 1]! - pull, least);
      setSlip(i, flow, tension[i + 1]! - pull > least);
    }
  }
  return { omega, tension, slip };
}
