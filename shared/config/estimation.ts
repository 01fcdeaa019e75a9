import { z } from 'zod';

/** How the FMU is run. */
export const simulationSchema = z.strictObject({
  mode: z
    .enum(['steady-state', 'transient', 'auto'])
    .default('steady-state')
    .describe(
      'What samples are: states of rest, at each of which the model runs until it settles; moments of a moving machine, whose continuous states are estimated too; or either, as the data show.',
    ),
  interface: z.enum(['cs', 'me']).default('cs').describe('FMI interface type.'),
  stepSizeS: z.number().positive().default(0.1).describe('Communication step, seconds.'),
  maxTimeS: z
    .number()
    .positive()
    .default(600)
    .describe(
      'Longest simulated time to settle, seconds. Where transient.maxGapS is left out, its default, too.',
    ),
  relativeTolerance: z
    .number()
    .positive()
    .default(1e-6)
    .describe('Settled when no output changes by more than this share over a step.'),
  tolerance: z
    .number()
    .positive()
    .lt(1)
    .optional()
    .describe(
      'Relative tolerance that the FMU is set up with: what its own solver aims at under co-simulation. Left out, that of its default experiment, which may be too coarse to tell parameters apart.',
    ),
  timeoutS: z.number().positive().default(60).describe('Wall time that one run may take, seconds.'),
});

/** The wear horizon that is assumed where nobody gives one. */
export const DEFAULT_WEAR_HORIZON_S = 12 * 86_400;

/** What the filters assume. */
export const estimatorSchema = z.strictObject({
  sigmaPointSpread: z
    .number()
    .min(0.1)
    .max(4)
    .default(1.7320508075688772)
    .describe('Distance of the sigma points from the mean, in standard deviations.'),
  wearHorizonS: z
    .number()
    .positive()
    .default(DEFAULT_WEAR_HORIZON_S)
    .describe('Seconds in which a parameter may wear through its whole range.'),
  trendScale: z
    .number()
    .positive()
    .default(1)
    .describe(
      "Factor on the standard deviation of the trends' noise: larger follows faster, smaller gives narrower bands.",
    ),
  trendScales: z
    .array(z.number().positive())
    .min(1)
    .max(8)
    .default([1, 4, 16, 64])
    .describe(
      'Further factors that compete by evidence at samples of rest: wear many times faster than the horizon says is followed without wider bands where there is none. Smaller ones narrow bands at rest and lag behind wear that begins. One alone: a single filter, without jumps in competition.',
    ),
  noiseScales: z
    .array(z.number().positive())
    .min(1)
    .max(5)
    .default([0.5, 1, 2])
    .describe(
      "Factors on the sensors' noise that compete by evidence at samples of rest, for all sensors together.",
    ),
  respectBounds: z
    .enum(['auto', 'always'])
    .default('auto')
    .describe(
      "Whether sigma points of samples at rest stay inside the parameters' bounds: `auto` lets them pass until the model refuses one. Those of a moving machine always stay inside.",
    ),
  gate: z
    .boolean()
    .default(true)
    .describe('Whether channels that contradict all others lose their weight.'),
  kink: z
    .enum(['none', 'relinearise', 'split'])
    .default('split')
    .describe(
      'What to do where the model bends within the uncertainty: nothing, linearise again at the result, or also split the prior.',
    ),
  linearise: z
    .enum(['reuse', 'always'])
    .default('reuse')
    .describe(
      'Whether samples of rest go on from the linearisation of the one before, a few columns looked at again, while the model stays near it; or take full differences each time, 2n + 1 model runs.',
    ),
  adaptNoise: z
    .boolean()
    .default(true)
    .describe('Whether the assumed sensor noise slowly follows the innovations.'),
  samplePeriodS: z
    .number()
    .positive()
    .optional()
    .describe(
      'Least seconds between two samples that are assimilated; what is measured between is left out, inputs drive a machine that moves all the same. Default: every one.',
    ),
});

/** Options of machines that move. */
export const transientSchema = z.strictObject({
  initialState: z
    .enum(['settled', 'start-values'])
    .default('settled')
    .describe(
      'Where the machine is at the first sample: at rest under its inputs, or at the start values of the FMU.',
    ),
  initialStateStd: z
    .number()
    .positive()
    .default(0.05)
    .describe(
      "How sure that is: one standard deviation, as a share of each state's nominal value.",
    ),
  stateNoise: z
    .number()
    .nonnegative()
    .default(1e-6)
    .describe(
      'What disturbs the states that the model does not know: standard deviation that adds up in one second, as a share of each nominal value. With estimator.adaptNoise it follows the data.',
    ),
  inputInterpolation: z
    .enum(['linear', 'hold'])
    .default('linear')
    .describe(
      'How continuous inputs run between samples: straight, or kept until the next. Discrete ones are always kept.',
    ),
  settlingTimeS: z
    .number()
    .positive()
    .optional()
    .describe(
      'Seconds in which the machine comes to rest: in mode `auto`, samples further apart than this, or quiet for so long, are states of rest. Default: measured on the FMU.',
    ),
  maxGapS: z
    .number()
    .positive()
    .optional()
    .describe(
      'Longest time without samples, seconds, over which what is known of the states is carried as if nothing was missing: after a longer one they begin anew, and the gap is named. Default: simulation.maxTimeS, or the time of twenty usual samples where that is longer; after shorter ones, from 1.5 usual times on, states are widened by what inputs may have done meanwhile.',
    ),
  steadyFalseAlarm: z
    .number()
    .min(1e-6)
    .max(0.5)
    .default(0.01)
    .describe('Probability that mode `auto` takes a resting machine for a moving one.'),
});

/** How parameters are found. */
export const calibrationSchema = z.strictObject({
  refit: z
    .union([
      z.literal(false),
      z.strictObject({
        everyS: z
          .number()
          .positive()
          .optional()
          .describe('Seconds between two refits; default: a quarter of the window.'),
        windowS: z
          .number()
          .positive()
          .optional()
          .describe(
            'Seconds of samples that each takes; default: 30 days, or the time of 500 samples where that is longer; where a parameter wears, a twentieth of the shortest wear horizon, or the time of as many samples as a first fit needs. Where the default holds too few values for one, as many cells are blank or times are irregular, up to ten times as long.',
          ),
      }),
    ])
    .prefault({})
    .describe(
      'Mode `transient`: parameters come from fits of a window of samples, repeated on this schedule, not from the filter, which keeps the states. `false` filters them as in the other modes; so does leaving it out where there are at least three sensors, no fewer than parameters, and all of these may wear: each sample tells them then, and none is a constant.',
    ),
});
