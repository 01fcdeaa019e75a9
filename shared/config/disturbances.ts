import { z } from 'zod';
import { aliasPrefix } from './streams.js';
import type { TwinDefinition } from './twin.js';

/** Something unknown that acts on the machine, as users write it. */
export const disturbanceSchema = z.strictObject({
  on: z
    .string()
    .min(1)
    .describe(
      'The variable that it adds to: an input or parameter of the definition, or any other input or tunable parameter of the FMU, whose start value it then adds to. A heat, flow, torque or force that acts like one.',
    ),
  std: z
    .number()
    .positive(
      'expected >0: how large it may be, as a standard deviation; leave the disturbance out where there is none',
    )
    .describe("How large it may be: one standard deviation, in the variable's unit."),
  timeConstantS: z
    .number()
    .positive()
    .describe('Seconds in which what it was is forgotten: it falls to 1/e of itself.'),
  label: z
    .string()
    .min(1)
    .max(80)
    .optional()
    .describe('What people call it, e.g. `Heat of the door`.'),
  alias: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .describe(
      'The SiteWise property alias of its stream; default: `disturbance/` and the variable, under what all aliases share.',
    ),
  unit: z
    .string()
    .optional()
    .describe('Of a variable that the definition names nowhere else: the unit of its values.'),
});

/** The name under which a disturbance is published, as a virtual sensor is. */
export const disturbanceName = (on: string): string => `disturbance(${on})`;

type Disturbed = Pick<TwinDefinition, 'disturbances' | 'virtualSensors'>;

/** The virtual sensors that are variables of the FMU: all but the disturbances. */
export function modelSensors<T extends Disturbed>(twin: T): T['virtualSensors'] {
  const names = new Set(twin.disturbances.map(({ on }) => disturbanceName(on)));
  return twin.virtualSensors.filter(({ variable }) => !names.has(variable));
}

/**
 * The same twin with its disturbances among the virtual sensors, last and in their order: they are
 * published, shown and reported as those are. What is there already stays.
 */
export function withDisturbanceSensors<T extends TwinDefinition>(twin: T): T {
  if (twin.disturbances.length === 0) return twin;
  const known = new Map(twin.virtualSensors.map((s) => [s.variable, s]));
  const sensors = twin.disturbances.map(({ on, alias, label, unit }) => {
    const variable = disturbanceName(on);
    const of = [...twin.inputs, ...twin.parameters].find((v) => v.variable === on);
    return (
      known.get(variable) ?? {
        variable,
        label: label ?? `Unknown part of ${of?.label ?? on}`.slice(0, 80),
        alias: alias ?? `${aliasPrefix(twin)}/disturbance/${on}`,
        unit: of?.unit ?? unit ?? '',
      }
    );
  });
  return { ...twin, virtualSensors: [...modelSensors(twin), ...sensors] };
}
