/** A machine of the study: its model as C for an FMU, and the same physics again as its truth. */
export interface Machine {
  name: string;
  /** Seconds between samples. */
  periodS: number;
  /** Name, start value, size of what it does. */
  states: readonly (readonly [name: string, start: number, size: number])[];
  /** Name, and its course: levels that are held for some samples, drawn between two values. */
  inputs: readonly (readonly [name: string, from: number, to: number, holdSamples: number])[];
  /** Name and true value. */
  parameters: readonly (readonly [name: string, truth: number])[];
  /** Name and noise of its sensor. */
  measured: readonly (readonly [name: string, noiseStd: number])[];
  hidden: readonly string[];
  /** It integrates: there is no state of rest to begin at. */
  neverRests?: true;
  /** Sets `der_<state>` and the outputs. */
  equations: string;
  /** The same by value: derivatives into `d`, outputs (measured, hidden) into `y`. */
  truth(x: Float64Array, u: Float64Array, p: Float64Array, d: Float64Array, y: Float64Array): void;
  /** What a machine does that its model lacks, added to the derivatives. */
  missing(x: Float64Array, u: Float64Array, d: Float64Array): void;
}

const exchanger: Machine = {
  name: 'exchanger',
  periodS: 20,
  states: [
    ['Th', 70, 20],
    ['Tc', 30, 20],
  ],
  inputs: [
    ['mh', 0.2, 0.5, 12],
    ['mc', 0.2, 0.5, 17],
    ['ThIn', 75, 85, 23],
  ],
  parameters: [
    ['UA', 900],
    ['Ch', 60e3],
    ['Cc', 45e3],
  ],
  measured: [
    ['ThOut', 0.2],
    ['TcOut', 0.2],
  ],
  hidden: ['heat'],
  equations: `
    heat = UA * (Th - Tc);
    der_Th = (mh * 4180 * (ThIn - Th) - heat) / Ch;
    der_Tc = (mc * 4180 * (15 - Tc) + heat) / Cc;
    ThOut = Th; TcOut = Tc;`,
  truth([Th = 0, Tc = 0], [mh = 0, mc = 0, ThIn = 0], [UA = 0, Ch = 0, Cc = 0], d, y) {
    const heat = UA * (Th - Tc);
    d[0] = (mh * 4180 * (ThIn - Th) - heat) / Ch;
    d[1] = (mc * 4180 * (15 - Tc) + heat) / Cc;
    y.set([Th, Tc, heat]);
  },
  // Heat lost to the room.
  missing([Th = 0], _u, d) {
    d[0]! -= (80 * (Th - 15)) / 60e3;
  },
};

const pump: Machine = {
  name: 'pump',
  periodS: 1,
  states: [['q', 2, 2]],
  inputs: [['n', 0.7, 1.1, 9]],
  parameters: [
    ['H0', 40],
    ['R', 3],
    ['I', 12],
  ],
  measured: [['flow', 0.02]],
  hidden: ['power'],
  equations: `
    der_q = (H0 * n * n - 5 - R * q * fabs(q)) / I;
    flow = q; power = H0 * n * n * q;`,
  truth([q = 0], [n = 0], [H0 = 0, R = 0, I = 0], d, y) {
    d[0] = (H0 * n * n - 5 - R * q * Math.abs(q)) / I;
    y.set([q, H0 * n * n * q]);
  },
  // A leak that grows with the pressure.
  missing([q = 0], [n = 0], d) {
    d[0]! -= (4 * n * n * q) / 12;
  },
};

const motor: Machine = {
  name: 'motor',
  periodS: 0.05,
  states: [
    ['i', 2, 5],
    ['w', 50, 100],
  ],
  inputs: [
    ['V', 6, 24, 15],
    ['load', 0, 0.3, 21],
  ],
  parameters: [
    ['Rm', 0.8],
    ['k', 0.15],
    ['b', 0.002],
  ],
  measured: [
    ['current', 0.05],
    ['speed', 0.5],
  ],
  hidden: ['shaft'],
  equations: `
    der_i = (V - Rm * i - k * w) / 0.05;
    der_w = (k * i - b * w - load) / 0.01;
    current = i; speed = w; shaft = k * i - b * w;`,
  truth([i = 0, w = 0], [V = 0, load = 0], [Rm = 0, k = 0, b = 0], d, y) {
    d[0] = (V - Rm * i - k * w) / 0.05;
    d[1] = (k * i - b * w - load) / 0.01;
    y.set([i, w, k * i - b * w]);
  },
  // Dry friction.
  missing([, w = 0], _u, d) {
    d[1]! -= (0.06 * Math.tanh(w / 2)) / 0.01;
  },
};

const battery: Machine = {
  name: 'battery',
  periodS: 5,
  states: [
    ['v1', 0, 0.1],
    ['used', 0.3, 0.3],
  ],
  inputs: [['I', -20, 25, 8]],
  parameters: [
    ['R0', 0.01],
    ['R1', 0.006],
    ['tau', 60],
  ],
  measured: [['V', 0.004]],
  hidden: ['loss'],
  neverRests: true,
  equations: `
    der_v1 = (R1 * I - v1) / tau;
    der_used = I / 72000.0;
    V = 4.1 - 0.8 * used - R0 * I - v1;
    loss = R0 * I * I + v1 * v1 / R1;`,
  truth([v1 = 0, used = 0], [I = 0], [R0 = 0, R1 = 0, tau = 0], d, y) {
    d[0] = (R1 * I - v1) / tau;
    d[1] = I / 72000;
    y.set([4.1 - 0.8 * used - R0 * I - v1, R0 * I * I + (v1 * v1) / R1]);
  },
  // A resistance that grows with the current.
  missing(_x, [I = 0], d) {
    d[0]! += (0.00015 * I * Math.abs(I)) / 60;
  },
};

const tanks: Machine = {
  name: 'tanks',
  periodS: 4,
  states: [
    ['x1', 4, 4],
    ['x2', 4, 4],
  ],
  inputs: [['pump', 1.5, 3, 14]],
  parameters: [
    ['k1', 0.08],
    ['k3', 0.08],
    ['k4', 0.07],
  ],
  measured: [['level', 0.03]],
  hidden: ['upper'],
  equations: `
    double out = k1 * sqrt(x1 > 0 ? x1 : 0);
    der_x1 = k4 * pump - out;
    der_x2 = out - k3 * sqrt(x2 > 0 ? x2 : 0);
    level = x2; upper = x1;`,
  truth([x1 = 0, x2 = 0], [u = 0], [k1 = 0, k3 = 0, k4 = 0], d, y) {
    const out = k1 * Math.sqrt(Math.max(0, x1));
    d[0] = k4 * u - out;
    d[1] = out - k3 * Math.sqrt(Math.max(0, x2));
    y.set([x2, x1]);
  },
  // A pump whose flow bends with its voltage.
  missing(_x, [u = 0], d) {
    d[0]! += 0.01 * (u - 2.2) ** 2;
  },
};

const building: Machine = {
  name: 'building',
  periodS: 900,
  states: [
    ['Ti', 20, 5],
    ['Tm', 18, 5],
  ],
  inputs: [
    ['heating', 0, 4000, 6],
    ['Tout', -5, 10, 11],
  ],
  parameters: [
    ['Him', 300],
    ['Ho', 120],
    ['Ci', 2e6],
  ],
  measured: [['T', 0.1]],
  hidden: ['wall'],
  equations: `
    der_Ti = (heating - Him * (Ti - Tm)) / Ci;
    der_Tm = (Him * (Ti - Tm) - Ho * (Tm - Tout)) / 1.5e7;
    T = Ti; wall = Tm;`,
  truth([Ti = 0, Tm = 0], [heating = 0, Tout = 0], [Him = 0, Ho = 0, Ci = 0], d, y) {
    d[0] = (heating - Him * (Ti - Tm)) / Ci;
    d[1] = (Him * (Ti - Tm) - Ho * (Tm - Tout)) / 1.5e7;
    y.set([Ti, Tm]);
  },
  // Draught: from the room's air straight outside.
  missing([Ti = 0], [, Tout = 0], d) {
    d[0]! -= (40 * (Ti - Tout)) / 2e6;
  },
};

const suspension: Machine = {
  name: 'suspension',
  periodS: 0.05,
  states: [
    ['z', 0, 0.05],
    ['vz', 0, 0.3],
  ],
  inputs: [['road', -0.04, 0.04, 7]],
  parameters: [
    ['ks', 18e3],
    ['cs', 1200],
    ['m', 320],
  ],
  measured: [
    ['height', 0.001],
    ['speed', 0.01],
  ],
  hidden: ['force'],
  equations: `
    force = ks * (road - z) - cs * vz;
    der_z = vz; der_vz = force / m;
    height = z; speed = vz;`,
  truth([z = 0, vz = 0], [road = 0], [ks = 0, cs = 0, m = 0], d, y) {
    const force = ks * (road - z) - cs * vz;
    d[0] = vz;
    d[1] = force / m;
    y.set([z, vz, force]);
  },
  // A spring that stiffens.
  missing([z = 0], [road = 0], d) {
    d[1]! += (3e6 * (road - z) ** 3) / 320;
  },
};

const gearbox: Machine = {
  name: 'gearbox',
  periodS: 0.1,
  states: [
    ['w1', 10, 10],
    ['w2', 10, 10],
    ['twist', 0.05, 0.1],
  ],
  inputs: [
    ['drive', 5, 25, 13],
    ['load', 0, 8, 19],
  ],
  parameters: [
    ['stiffness', 200],
    ['d1', 0.3],
    ['d2', 0.5],
  ],
  measured: [
    ['speed1', 0.05],
    ['speed2', 0.05],
  ],
  hidden: ['torque'],
  equations: `
    torque = stiffness * twist + 4 * (w1 - w2);
    der_w1 = (drive - d1 * w1 - torque) / 0.8;
    der_w2 = (torque - d2 * w2 - load) / 1.5;
    der_twist = w1 - w2;
    speed1 = w1; speed2 = w2;`,
  truth([w1 = 0, w2 = 0, twist = 0], [drive = 0, load = 0], [s = 0, d1 = 0, d2 = 0], d, y) {
    const torque = s * twist + 4 * (w1 - w2);
    d[0] = (drive - d1 * w1 - torque) / 0.8;
    d[1] = (torque - d2 * w2 - load) / 1.5;
    d[2] = w1 - w2;
    y.set([w1, w2, torque]);
  },
  // Oil that is churned.
  missing([, w2 = 0], _u, d) {
    d[1]! -= (0.02 * w2 * Math.abs(w2)) / 1.5;
  },
};

/** Eight machines that nothing in the estimators was made for. */
export const MACHINES: readonly Machine[] = [
  exchanger,
  pump,
  motor,
  battery,
  tanks,
  building,
  suspension,
  gearbox,
];
