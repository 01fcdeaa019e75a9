import { secondsText } from '../../core/index.js';
import type { Proposal, Proposed } from './proposal.js';

const scalar = (value: unknown): string =>
  typeof value === 'number' ? String(value) : JSON.stringify(value);

const sentence = (text: string) =>
  `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`;

/** What is said of parameters that are taken for constants. */
const WEAR_HINT =
  ' Constants are fitted over windows of up to 30 days, or 500 samples where these take longer, again and again; of one that wears, replace `dynamics: constant` by `wearHorizonS`, the seconds in which it may wear through its range.';

/** An item as a line of YAML's flow style. */
function flow(item: object): string {
  const pairs = Object.entries(item)
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([key, value]) => `${key}: ${typeof value === 'object' ? flow(value) : scalar(value)}`);
  return `{ ${pairs.join(', ')} }`;
}

function section(name: string, items: readonly Proposed<object>[], about: string): string[] {
  if (items.length === 0) return [`# ${name}: none. ${about}`, ''];
  return [
    `# ${about}`,
    `${name}:`,
    ...items.flatMap(({ item, comment }) => [`  # ${sentence(comment)}`, `  - ${flow(item)}`]),
    '',
  ];
}

/** What may be declared as a disturbance, as lines to take in. */
function unknownText({ unknowns }: Proposal): string[] {
  if (unknowns.length === 0) return [];
  return [
    '# Held at 0, as it seems to stand for something unknown that acts on the machine. Where there is such a thing, say how',
    '# large it may be (`std`, one standard deviation) and how long it lasts, and take the lines in. `twinloop fit` offers',
    '# both figures where the residuals tell of it. If it is a constant of the machine, name it by --parameter.',
    '# disturbances:',
    ...unknowns.flatMap(({ item: { on, std, unit }, comment }) => [
      `#   # ${sentence(comment)}`,
      `#   - { on: ${scalar(on)}, std: ${std ?? '?'}, timeConstantS: ?${unit === '' ? '' : `, unit: ${scalar(unit)}`} }`,
    ]),
    '',
  ];
}

/**
 * A proposal as the text of a twin definition in YAML, with the reason beside each item.
 *
 * @param fmu path of the FMU, relative to where the text is kept
 * @param about what it was made from
 */
export function definitionText(proposal: Proposal, fmu: string, about: string): string {
  const { simulation, transient, wearHorizonS, unusedColumns } = proposal;
  return [
    `# A first definition, made from ${about}. Check every line marked as a guess.`,
    `name: ${scalar(proposal.name)}`,
    `fmu: ${scalar(fmu)}`,
    '',
    ...section(
      'inputs',
      proposal.inputs,
      'What drives the machine: a column to follow, or a fixed value.',
    ),
    ...section(
      'measured',
      proposal.measured,
      'What is compared with the model. Noise is estimated from the data; give `noiseStd` where you know it.',
    ),
    ...section(
      'parameters',
      proposal.parameters,
      `What is calibrated: bounds and what is known beforehand.${wearHorizonS === undefined ? WEAR_HINT : ''}`,
    ),
    ...(proposal.heldParameters.length > 0
      ? [
          '# Parameters that stay at the FMU’s start value:',
          ...proposal.heldParameters.map((p) => `#   ${p.variable}: ${p.because}`),
          '',
        ]
      : []),
    ...unknownText(proposal),
    ...section(
      'virtualSensors',
      proposal.virtualSensors,
      'What no sensor measures and the model tells.',
    ),
    `# ${sentence(simulation.comment)}`,
    `simulation: ${flow(simulation.item)}`,
    ...(transient === undefined
      ? []
      : ['', `# ${sentence(transient.comment)}`, `transient: ${flow(transient.item)}`]),
    ...(wearHorizonS === undefined
      ? []
      : [
          '',
          `# ${sentence(wearHorizonS.comment)}`,
          `estimator: { wearHorizonS: ${wearHorizonS.item} }`,
        ]),
    ...(unusedColumns.length > 0
      ? ['', `# Columns without a variable: ${unusedColumns.join(', ')}`]
      : []),
    '',
  ].join('\n');
}

const line = (name: string, what: string, comment: string) =>
  `  ${name.padEnd(22)} ${what.padEnd(26)} ${comment}`;

/** Which column is which variable, as lines to print. */
export function columnLines(proposal: Proposal): string[] {
  return [
    'Inputs',
    ...proposal.inputs.map(({ item, comment }) =>
      line(item.variable, item.column ?? `= ${item.value}`, comment),
    ),
    'Measured',
    ...proposal.measured.map(({ item, comment }) => line(item.variable, item.column, comment)),
    ...(proposal.undecided.length > 0
      ? [
          'Without a column, as several suit them equally (--map names one)',
          ...proposal.undecided.map((u) => `  ${u.variable.padEnd(22)} ${u.columns.join(' or ')}`),
        ]
      : []),
  ];
}

/** What is calibrated and how the machine is taken, as lines to print. */
export function modelLines(proposal: Proposal): string[] {
  const { simulation, transient, wearHorizonS, heldParameters, virtualSensors, unknowns } =
    proposal;
  return [
    'Parameters to calibrate',
    ...proposal.parameters.map(({ item, comment }) =>
      line(
        item.variable,
        `${item.prior.mean} ± ${Number(item.prior.std.toPrecision(3))}`,
        `${item.dynamics === undefined ? '' : 'constant; '}${comment}`,
      ),
    ),
    ...(heldParameters.length > 0
      ? [
          'Held at the FMU’s start values (--parameter names others)',
          ...heldParameters.map((p) => `  ${p.variable.padEnd(22)} ${p.because}`),
        ]
      : []),
    ...(unknowns.length > 0
      ? [
          'Held at 0: an unknown that acts on the machine? (`disturbances` of the definition)',
          ...unknowns.map(({ item, comment }) => `  ${item.on.padEnd(22)} ${comment}`),
        ]
      : []),
    ...(virtualSensors.length > 0
      ? ['Virtual sensors', `  ${virtualSensors.map((s) => s.item.variable).join(', ')}`]
      : []),
    'Simulation',
    line(simulation.item.mode, simulation.item.interface, simulation.comment),
    ...(transient === undefined
      ? []
      : [line('initial state', transient.item.initialState, transient.comment)]),
    ...(wearHorizonS === undefined
      ? []
      : [line('wear horizon', secondsText(wearHorizonS.item), wearHorizonS.comment)]),
  ];
}
