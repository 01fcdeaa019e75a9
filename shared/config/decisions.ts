import { z } from 'zod';

const variable = z.string().min(1);

const decidedInput = z
  .strictObject({
    variable: variable.describe('An item of `inputs`.'),
    lower: z.number().describe('Lowest value that may be set, in its unit.'),
    upper: z.number().describe('Highest value that may be set, in its unit.'),
    cost: z
      .number()
      .default(0)
      .describe(
        'What a unit of it costs in a day of running, in any one currency; negative where it earns.',
      ),
  })
  .refine((i) => i.lower < i.upper, { message: 'expected lower < upper', path: ['upper'] });

const maintenance = z.strictObject({
  name: z.string().min(1).max(80).optional().describe('What people call it, e.g. `change R9`.'),
  resets: z.array(variable).min(1).describe('Parameters that are as new afterwards.'),
  costs: z.number().nonnegative().default(0).describe('What it costs, in the same currency.'),
  takesS: z.number().nonnegative().default(0).describe('How long the machine stands, seconds.'),
});

const objective = z.strictObject({
  sense: z.enum(['maximise', 'minimise']).describe('Which way is better.'),
  of: variable.describe(
    'What is added up over the horizon while the machine runs: an input, a parameter or a virtual sensor, per second; or `cost`, that of inputs and maintenance.',
  ),
  label: z.string().min(1).max(80).optional().describe('What people call the sum, e.g. `web`.'),
  unit: z
    .string()
    .optional()
    .describe('Unit of the sum, e.g. `m`; default: that of `of`, times s.'),
  atLimit: z
    .enum(['stop', 'continue'])
    .default('stop')
    .describe(
      'What a course that passes a limit earns after that: nothing, as the machine stops; or as before. A cost is paid either way.',
    ),
});

/** What may be decided about the machine, and what it is decided for: `twinloop plan`. */
export const decisionsSchema = z.strictObject({
  inputs: z.array(decidedInput).default([]).describe('Inputs that may be set.'),
  maintenance: z.array(maintenance).default([]).describe('What may be repaired.'),
  objective: objective.describe('What is to be best.'),
  risk: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.05)
    .describe('Probability with which any of the limits may be passed within the horizon.'),
  limits: z
    .array(variable)
    .optional()
    .describe(
      'Parameters and virtual sensors whose `alarm` is a limit that must be kept; default: all virtual sensors with an alarm, or all parameters with one where no virtual sensor has any.',
    ),
  horizonS: z
    .number()
    .positive()
    .default(7 * 86_400)
    .describe('How far ahead is planned, seconds.'),
});

export type Decisions = z.output<typeof decisionsSchema>;
