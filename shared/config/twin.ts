import { z } from 'zod';
import { decisionsSchema } from './decisions.js';
import { disturbanceSchema, withDisturbanceSensors } from './disturbances.js';
import {
  calibrationSchema,
  estimatorSchema,
  simulationSchema,
  transientSchema,
} from './estimation.js';
import { layoutSchema } from './layout.js';
import { pictureSchema } from './picture.js';

const variable = z.string().min(1).describe("The variable's name in the FMU's modelDescription.");
const alias = z
  .string()
  .min(1)
  .max(1000)
  .describe('The SiteWise property alias of its stream, e.g. `/line1/roller1/w`.');
const unit = z.string().describe('The unit of the value, for people and for SiteWise.');

const label = z
  .string()
  .min(1)
  .max(80)
  .optional()
  .describe('What people call it, e.g. `Drag of R9`; default: from the layout or the variable.');

const cost = z
  .number()
  .positive()
  .describe('What the sensor costs, in any one currency; for `twinloop sensors`.');

const alarm = z
  .strictObject({
    above: z
      .number()
      .optional()
      .describe('Alarm when the value is above this, with 95 % certainty.'),
    below: z
      .number()
      .optional()
      .describe('Alarm when the value is below this, with 95 % certainty.'),
    verb: z
      .string()
      .min(1)
      .max(80)
      .optional()
      .describe('What happens then, after the label, e.g. `runs too loose`.'),
    consequence: z
      .string()
      .min(1)
      .max(240)
      .optional()
      .describe('What comes of it and what to do, in one sentence.'),
  })
  .refine((a) => a.above !== undefined || a.below !== undefined, {
    message: 'expected `above`, `below` or both',
  });

const texts = z
  .record(z.string(), z.number())
  .describe('Numbers that texts of its column stand for, e.g. `{ "RUN": 1, "STOP": 0 }`.');

const scaleStd = z
  .number()
  .nonnegative()
  .lt(1, 'expected a share of the value below 1, as 0.005 for half a per cent')
  .optional();

const input = z.strictObject({
  variable,
  label,
  alias: alias.optional(),
  column: z.string().optional().describe('Its column in a CSV recording; default: the variable.'),
  unit: unit.default(''),
  value: z.number().optional().describe('A fixed value; left out, the input follows its stream.'),
  noiseStd: z
    .number()
    .nonnegative()
    .optional()
    .describe(
      'Standard deviation of the noise with which its stream is measured, from sample to sample, in its unit: what it does to the outputs counts in the bands of fits, of samples at rest and of moving machines. 0 where it is exact. Left out, it is looked for, at rest and in fits, counts once it is found, and is named in the verdict.',
    ),
  scaleStd: scaleStd.describe(
    'How far its scale may be off: standard deviation of a constant relative error, as a share of the value, e.g. 0.005 of a transducer of class 0.5; 0 where it is known to be right. Of a fixed `value`, too. Bands are widened by it. Left out, a fit says where an error of 1 % would pass unseen.',
  ),
  offsetStd: z
    .number()
    .nonnegative()
    .optional()
    .describe(
      'How far its zero may be off: standard deviation of a constant offset, in its unit; 0 where it is known to be right. Of a fixed `value`: how well that is known, e.g. 2000 Pa of an ambient pressure of 1e5. Bands are widened by it.',
    ),
  whenMissing: z
    .enum(['skip', 'start-value'])
    .default('skip')
    .describe(
      "What the worker does while the stream never had a value: leave samples out, or take the FMU's start value, which the report then names.",
    ),
  interpolation: z
    .enum(['linear', 'hold'])
    .optional()
    .describe(
      'How it runs between samples of a moving machine: straight, or kept until the next, as a switch is. Default: transient.inputInterpolation.',
    ),
  texts: texts.optional(),
});

const measured = z.strictObject({
  variable,
  label,
  alias,
  column: z.string().optional().describe('Its column in a CSV recording; default: the variable.'),
  unit: unit.default(''),
  noiseStd: z
    .number()
    .positive('expected >0: every sensor has noise; leave it out to have it estimated')
    .optional()
    .describe("Standard deviation of the sensor's noise, in its unit; left out, it is estimated."),
  offsetStd: z
    .number()
    .nonnegative()
    .optional()
    .describe(
      'How far the sensor may read wrong: standard deviation of a constant offset, and in fits of what it drifts along the record, in its unit, e.g. half of the accuracy on its data sheet; 0 where it is known to be right. Bands are widened by it. Left out, a fit says where an offset or a drift would pass unseen.',
    ),
  scaleStd: scaleStd.describe(
    'How far its scale may be off: standard deviation of a constant relative error, as a share of the reading, e.g. 0.005 of a transducer of class 0.5; 0 where it is known to be right. Bands are widened by it. Left out, a fit says where an error of 1 % would pass unseen.',
  ),
  rail: z
    .strictObject({
      lower: z.number().optional().describe('What the sensor shows below its range.'),
      upper: z.number().optional().describe('What the sensor shows above its range.'),
    })
    .refine((r) => r.lower === undefined || r.upper === undefined || r.lower < r.upper, {
      message: 'expected lower < upper',
      path: ['upper'],
    })
    .optional()
    .describe(
      "The ends of the sensor's range, in its unit: a value there is no measurement, and fits take it as missing. Left out, a rail that shows in the data is found.",
    ),
  cost: cost.optional(),
  texts: texts.optional(),
});

const candidate = z.strictObject({
  variable,
  unit: unit.default(''),
  noiseStd: z
    .number()
    .positive()
    .describe(
      "Standard deviation of the noise that the sensor would have, in the variable's unit.",
    ),
  cost: cost.optional(),
});

const parameter = z
  .strictObject({
    variable,
    label,
    alias,
    unit: unit.default(''),
    lower: z.number().optional().describe('Physical lower bound; applied to what is reported.'),
    upper: z.number().optional().describe('Physical upper bound; applied to what is reported.'),
    prior: z
      .strictObject({
        mean: z.number().describe('What the parameter is before any data.'),
        std: z
          .number()
          .positive(
            'expected >0: what is known for sure is no parameter but an item of `inputs` with `value`',
          )
          .describe('How sure that is: one standard deviation.'),
      })
      .describe('What is known before any data.'),
    wearHorizonS: z
      .number()
      .positive()
      .optional()
      .describe('Seconds in which the parameter may wear through its whole range.'),
    dynamics: z
      .enum(['trend', 'random-walk', 'mean-reverting', 'constant'])
      .default('trend')
      .describe(
        'How the parameter moves between samples: with a trend, as wear does; at random; at random about its prior, with the prior as what it tends to; or not at all.',
      ),
    timeConstantS: z
      .number()
      .positive()
      .optional()
      .describe(
        'Of a mean-reverting parameter: seconds in which what is off its mean falls to 1/e. Such a parameter knows no wear horizon.',
      ),
    alarm: alarm.optional(),
  })
  .refine((p) => p.lower === undefined || p.upper === undefined || p.lower < p.upper, {
    message: 'expected lower < upper',
    path: ['upper'],
  })
  .refine((p) => (p.dynamics === 'mean-reverting') === (p.timeConstantS !== undefined), {
    message:
      'expected `timeConstantS` where `dynamics` is "mean-reverting", and only there: add it, or choose other dynamics',
    path: ['timeConstantS'],
  });

const virtualSensor = z.strictObject({
  variable,
  label,
  alias,
  unit: unit.default(''),
  alarm: alarm.optional(),
});

/** What a twin may be called: the name is a part of keys, aliases and file names. */
export const twinName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/, 'expected letters, digits, - and _')
  .max(128);

/** The twin definition: everything that ties an FMU to a machine. */
const definitionSchema = z.strictObject({
  $schema: z.string().optional(),
  name: twinName.describe('Short name of the twin.'),
  fmu: z
    .string()
    .min(1)
    .describe('Path of the FMU, or of a system of FMUs (.ssp), relative to this file.'),
  inputs: z.array(input).default([]),
  measured: z.array(measured).min(1, 'expected at least one measured variable'),
  parameters: z.array(parameter).min(1, 'expected at least one parameter to calibrate'),
  virtualSensors: z.array(virtualSensor).default([]),
  disturbances: z
    .array(disturbanceSchema)
    .default([])
    .describe(
      'What acts on the machine and nobody measures, in mode `transient`: each is estimated together with the rest, with a band, and published as a virtual sensor.',
    ),
  candidates: z
    .array(candidate)
    .default([])
    .describe('Sensors that might be bought: `twinloop sensors` ranks them.'),
  simulation: simulationSchema.prefault({}),
  estimator: estimatorSchema.prefault({}),
  calibration: calibrationSchema.prefault({}).describe('How parameters are found.'),
  transient: transientSchema.prefault({}).describe('Options of the modes `transient` and `auto`.'),
  decisions: decisionsSchema
    .optional()
    .describe('What may be decided about the machine, and to what end: `twinloop plan`.'),
  layout: layoutSchema
    .optional()
    .describe('Where the parts of a web line are, for pictures of it and its scene.'),
  picture: pictureSchema
    .optional()
    .describe(
      'How the page draws any other machine: parts and links, or an SVG. Left out, it draws an overview by itself.',
    ),
});

/** The file that users write; what is read has its disturbances among the virtual sensors. */
export const twinSchema = definitionSchema.transform((twin) => withDisturbanceSensors(twin));

export type TwinDefinition = z.output<typeof definitionSchema>;
export type TwinParameter = TwinDefinition['parameters'][number];
