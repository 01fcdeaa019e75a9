// The one description of the twin's variables: modelDescription.xml (FMI 2 and 3) and the C header
// model/variables.h are made from it. A variable's place in this list is its value reference.
const rollers = [1, 2, 3, 4, 5, 7, 8, 9, 10];
const spans = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

/** Capstan ratios exp(mu * wrap): those of R3 and R9 are known, the others' are a fair guess. */
const capstan = (i) => (i === 3 ? 1.810231 : i === 9 ? 1.852438 : 1.83);

const parameter = (name, start, unit, variability, description, more = {}) => ({
  name,
  start,
  unit,
  description,
  causality: 'parameter',
  variability,
  initial: 'exact',
  ...more,
});
const input = (name, start, unit, description, more = {}) => ({
  name,
  start,
  unit,
  description,
  causality: 'input',
  variability: 'continuous',
  ...more,
});
const state = (name, start, unit, nominal, description, causality = 'local', more = {}) => ({
  name,
  start,
  unit,
  nominal,
  description,
  causality,
  variability: 'continuous',
  initial: 'exact',
  state: true,
  ...more,
});
const calculated = (name, unit, description, causality = 'output', more = {}) => ({
  name,
  unit,
  description,
  causality,
  variability: 'continuous',
  initial: 'calculated',
  ...more,
});

const parameters = [
  ...rollers.map((i) =>
    parameter(`b${i}`, 0, 'N.m.s/rad', 'tunable', `Bearing drag of idle roller R${i}`, {
      min: -1,
      max: 10,
      nominal: 0.1,
    }),
  ),
  ...rollers.map((i) =>
    parameter(
      `capstan${i}`,
      capstan(i),
      '1',
      'fixed',
      `Tension ratio at which the web slips on roller R${i}: exp(friction * wrap angle)`,
      { min: 1.01 },
    ),
  ),
  parameter('rollerRadius', 0.05, 'm', 'fixed', 'Radius of all rollers and nips', { min: 1e-3 }),
  parameter('rollerInertia', 0.02, 'kg.m2', 'fixed', 'Moment of inertia of an idle roller', {
    min: 1e-4,
  }),
  parameter('spanLength', 1.5, 'm', 'fixed', 'Length of each span', { min: 0.1 }),
  parameter('webStiffness', 4e5, 'N', 'fixed', 'Tension for each unit of strain (E A)', {
    min: 1e3,
    nominal: 4e5,
  }),
  parameter(
    'microSlip',
    1e-4,
    'm/s',
    'fixed',
    'Slip velocity of a roller at the limit of its grip',
    {
      min: 1e-9,
      nominal: 1e-4,
    },
  ),
  parameter('nipTension', 150, 'N', 'tunable', 'Tension before nip NR1 that its drive holds', {
    min: 1,
    nominal: 100,
  }),
  parameter('winderTension', 100, 'N', 'tunable', 'Tension that the winder holds', {
    min: 1,
    nominal: 100,
  }),
];

const inputs = [
  input('lineSpeed', 1, 'm/s', 'Set speed of the line, at nip NR2', { min: 0, max: 20 }),
  input('unwindTension', 100, 'N', 'Set tension of the unwinder', { min: 1, nominal: 100 }),
  input('pistonPressure', 325956.2867, 'Pa', "Pressure in the dancer's piston", {
    min: 0,
    nominal: 1e5,
  }),
];

const states = [
  ...rollers.map((i) =>
    state(`Roller${i}_w`, 0, 'rad/s', 10, `Angular velocity of idle roller R${i}`, 'output'),
  ),
  ...spans.map((k) =>
    state(
      `S${k}_Tension_N`,
      k >= 7 && k <= 11 ? 150 : 100,
      'N',
      100,
      `Web tension in span S${k}`,
      'output',
    ),
  ),
  state('dancerAngle', 0, 'rad', 1e-3, "Angle of the dancer's arm"),
  state('dancerRate', 0, 'rad/s', 1e-2, "Angular velocity of the dancer's arm"),
  state('driveSpeed', 0, 'm/s', 1, 'Speed of the master drive'),
  state('driveAcceleration', 0, 'm/s2', 1, 'Acceleration of the master drive'),
  state('unwindTrim', 0, 'm/s', 1e-3, "Correction of the unwinder's speed by its tension"),
  state('nipTrim', 0, 'm/s', 1e-3, 'Correction of the speed of nip NR1 by its tension controller'),
  state('winderTrim', 0, 'm/s', 1e-3, "Correction of the winder's speed by its tension controller"),
];

const rateUnit = { 'rad/s': 'rad/s2', N: 'N/s', rad: 'rad/s', 'm/s': 'm/s2', 'm/s2': 'm/s3' };
const derivatives = states.map((s) =>
  calculated(`der(${s.name})`, rateUnit[s.unit], `Rate of ${s.name}`, 'local', {
    derivativeOf: s.name,
  }),
);

const outputs = [
  ...rollers.map((i) =>
    calculated(
      `Roller${i}_SlipVelocity_mps`,
      'm/s',
      `Web speed before roller R${i} less its surface speed`,
      'output',
      { nominal: 0.1 },
    ),
  ),
  calculated('NR1_w', 'rad/s', 'Angular velocity of nip NR1'),
  calculated('NR2_w', 'rad/s', 'Angular velocity of nip NR2'),
  calculated('DancerAngle_deg', 'deg', "Angle of the dancer's arm"),
];

/** All variables; the index is the value reference. */
export const variables = [...parameters, ...inputs, ...states, ...derivatives, ...outputs].map(
  (v, valueReference) => ({ ...v, valueReference }),
);

/** Units as exponents of SI base units (and a factor where the unit isn't SI). */
export const units = {
  1: {},
  m: { m: 1 },
  N: { kg: 1, m: 1, s: -2 },
  'N/s': { kg: 1, m: 1, s: -3 },
  Pa: { kg: 1, m: -1, s: -2 },
  'kg.m2': { kg: 1, m: 2 },
  'N.m.s/rad': { kg: 1, m: 2, s: -1, rad: -1 },
  rad: { rad: 1 },
  'rad/s': { rad: 1, s: -1 },
  'rad/s2': { rad: 1, s: -2 },
  'm/s': { m: 1, s: -1 },
  'm/s2': { m: 1, s: -2 },
  'm/s3': { m: 1, s: -3 },
  s: { s: 1 },
  deg: { rad: 1, factor: 0.017453292519943295 },
};
