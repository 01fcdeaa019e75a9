/** A machine at rest: what its sensors read is a function of inputs and parameters. */
export interface RestingMachine {
  name: string;
  /** Name, bounds, prior (mean, deviation), where it begins, where wear at one times leads. */
  parameters: readonly {
    name: string;
    lower: number;
    upper: number;
    prior: readonly [mean: number, std: number];
    from: number;
    to: number;
  }[];
  /** Noise of each sensor. */
  noise: readonly number[];
  /** Inputs at the k-th hour. */
  inputs(hour: number): Float64Array;
  /** Outputs at rest: the sensors', then the hidden one. */
  atRest(parameters: Float64Array, inputs: Float64Array): Float64Array;
}

/** A direct-current motor: two sensors on two parameters, so that nothing is redundant. */
const motor: RestingMachine = {
  name: 'motor',
  parameters: [
    { name: 'resistance', lower: 0.5, upper: 3, prior: [1, 0.1], from: 1, to: 1.35 },
    { name: 'friction', lower: 0, upper: 0.02, prior: [0.002, 0.001], from: 0.002, to: 0.0048 },
  ],
  noise: [0.02, 0.3],
  inputs: (k) => Float64Array.of(24 + 4 * Math.sin(k / 7), 0.05 + 0.03 * Math.sin(k / 3)),
  atRest([R = 0, b = 0], [V = 0, load = 0]) {
    const k = 0.1; // V s/rad: torque and voltage constant
    const speed = ((k * V) / R - load) / (b + (k * k) / R);
    return Float64Array.of((V - k * speed) / R, speed, k * ((V - k * speed) / R));
  },
};

/** A centrifugal pump on a valve: wear of its head, and a leak within; three sensors. */
const pump: RestingMachine = {
  name: 'pump',
  parameters: [
    { name: 'wear', lower: 0, upper: 0.4, prior: [0, 0.01], from: 0, to: 0.055 },
    { name: 'leak', lower: 0, upper: 0.003, prior: [1e-4, 1e-4], from: 1e-4, to: 5e-4 },
  ],
  noise: [0.0004, 0.003, 0.02],
  inputs: (k) => Float64Array.of(1 + 0.15 * Math.sin(k / 6), 0.6 + 0.2 * Math.sin(k / 11)),
  atRest([wear = 0, leak = 0], [speed = 0, valve = 0]) {
    const inner = leak * Math.sqrt(40) * speed;
    // Head 40 s²(1−wear) + 60 s Q − 4200 Q² at Q = q + leak meets 5 + 1500 q²/valve².
    const a = 4200 + 1500 / valve ** 2;
    const b = 60 * speed - 8400 * inner;
    const c = 40 * speed ** 2 * (1 - wear) + 60 * speed * inner - 4200 * inner ** 2 - 5;
    const flow = (b + Math.sqrt(Math.max(0, b * b + 4 * a * c))) / (2 * a);
    const through = flow + inner;
    const head = 40 * speed ** 2 * (1 - wear) + 60 * speed * through - 4200 * through ** 2;
    const efficiency = 0.35 + 14 * through - 90 * through ** 2;
    return Float64Array.of(flow, 9.81e-3 * head, (9.81 * head * through) / efficiency, head);
  },
};

/** A counter-flow heat exchanger: fouling, and clogging of its hot side; three sensors. */
const exchanger: RestingMachine = {
  name: 'exchanger',
  parameters: [
    { name: 'fouling', lower: 0, upper: 2, prior: [0.05, 0.05], from: 0.05, to: 0.33 },
    { name: 'clogging', lower: 0, upper: 0.6, prior: [0.02, 0.02], from: 0, to: 0.08 },
  ],
  noise: [0.1, 0.1, 0.2],
  inputs: (k) =>
    Float64Array.of(
      90 + 5 * Math.sin(k / 9),
      20 + 3 * Math.sin((2 * Math.PI * k) / 24),
      1 + 0.2 * Math.sin(k / 5),
    ),
  atRest([fouling = 0, clogging = 0], [hotIn = 0, coldIn = 0, valve = 0]) {
    const cp = 4.18;
    const hotFlow = Math.max(0.05, 1.2 * valve * (1 - 0.5 * clogging));
    const film = (2 * hotFlow ** 0.8) / (1 + 0.35 * hotFlow ** 0.8);
    const conductance = 4 / (1 / film + Math.max(-0.3 / film, fouling));
    const [hot, cold] = [hotFlow * cp, 1.5 * cp];
    const least = Math.min(hot, cold);
    const ratio = least / Math.max(hot, cold);
    const units = conductance / least;
    // Effectiveness of counter flow; its limit where both streams are alike.
    const decay = Math.exp(-units * (1 - ratio));
    const effectiveness =
      1 - ratio < 1e-6 ? units / (1 + units) : (1 - decay) / (1 - ratio * decay);
    const heat = effectiveness * least * (hotIn - coldIn);
    const drop = (30 * hotFlow ** 2) / (1 - 0.5 * clogging) ** 4;
    return Float64Array.of(hotIn - heat / hot, coldIn + heat / cold, drop, heat);
  },
};

/** The study's machines at rest. */
export const RESTING_MACHINES: readonly RestingMachine[] = [motor, pump, exchanger];
