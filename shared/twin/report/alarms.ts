/** What an alarm is about. */
export const ALARM_CODES = [
  'limit',
  'at-bound',
  'not-identifiable',
  'sensor-fault',
  'sensor-frozen',
  'sensor-copied',
  'sensor-held',
  'model-mismatch',
  'model-failed',
  'noise-mismatch',
  'state-noise',
  'correlated-innovations',
  'regime-change',
  'event',
  'disturbance',
  'prior-only',
  'inconsistent',
  'gateway-backlog',
  'late-unused',
  'sample-quarantined',
  'falling-behind',
  'fit-unusable',
  'fit-care',
] as const;
export type AlarmCode = (typeof ALARM_CODES)[number];

/** What an alarm means to somebody who has to act on it. */
export interface AlarmMeaning {
  /** `alarm`: act; `warning`: look; `note`: good to know. */
  level: 'alarm' | 'warning' | 'note';
  title: string;
  meaning: string;
}

/** The meaning of each alarm, for reports, pages and whoever reads the stream in SiteWise. */
export const ALARM_MEANINGS: Readonly<Record<AlarmCode, AlarmMeaning>> = {
  limit: {
    level: 'alarm',
    title: 'Limit passed',
    meaning:
      'The twin is 95 % sure that the limit is passed. Plan maintenance; watch what depends on it.',
  },
  'at-bound': {
    level: 'warning',
    title: 'Beyond its physical bound',
    meaning:
      'The readings would fit best with a value that is physically impossible: a sensor is biased, or the model or the bounds are wrong.',
  },
  'not-identifiable': {
    level: 'note',
    title: 'Cannot be told',
    meaning:
      'The sensors say hardly more about it than was known before. Its band is honest, and wide.',
  },
  'sensor-fault': {
    level: 'warning',
    title: 'Sensor contradicts the others',
    meaning: 'This one reading does not fit what all the others say. Check the sensor.',
  },
  'sensor-frozen': {
    level: 'warning',
    title: 'Sensor stands still',
    meaning: 'It repeats one value while others move. Check the sensor and its cable.',
  },
  'sensor-copied': {
    level: 'warning',
    title: 'Two sensors say the same',
    meaning:
      'Two readings are equal to the last digit, sample by sample: one signal stands in two places, and counts twice. Check the wiring, and which signal each of them reads.',
  },
  'sensor-held': {
    level: 'warning',
    title: 'Sensor tells only some changes',
    meaning:
      'Its last value is repeated, or none comes, until it has moved by a deadband or is read again: old values pass for new ones. Record it more finely, or leave repeats away where it is read seldom.',
  },
  'model-mismatch': {
    level: 'warning',
    title: 'Model does not fit',
    meaning:
      'No state of the parts explains the readings together: something happens that the model lacks.',
  },
  'model-failed': {
    level: 'warning',
    title: 'Model gave no answer',
    meaning:
      'The FMU failed at this sample, which was set aside; the estimate is that of before. Look at the inputs there, and at the FMU’s own words.',
  },
  'noise-mismatch': {
    level: 'note',
    title: 'Noise other than assumed',
    meaning: 'Readings scatter more or less than expected; the bands adapt slowly.',
  },
  'state-noise': {
    level: 'warning',
    title: 'Noise of the states is wrong',
    meaning:
      'A moving machine strays from its model by more, or by less, than the newest fit says, events left out: bands of states and virtual sensors are too narrow, or too wide.',
  },
  'correlated-innovations': {
    level: 'note',
    title: 'Drifting residuals',
    meaning: 'Errors of prediction follow each other: something moves slowly that the model lacks.',
  },
  'regime-change': {
    level: 'note',
    title: 'Sudden change',
    meaning:
      'The machine changed at a stroke (slip, repair), or is not as its priors have it where its first sample says so; the twin opened its bands to follow.',
  },
  event: {
    level: 'note',
    title: 'Something happens to the machine',
    meaning:
      'The readings left what the model explains (a lid or door opened, a valve closed, the power cut). The parameters are kept as they were before; the states follow the readings until it is over.',
  },
  disturbance: {
    level: 'warning',
    title: 'Something unknown acts',
    meaning:
      'A heat, flow or force that nobody measures is away from zero for certain: its size is estimated, and the parameters are kept free of it. Look for what acts there (a leak, a door, a second source).',
  },
  'prior-only': {
    level: 'warning',
    title: 'Nothing learnt',
    meaning:
      'The data say no more about it than was assumed before: the value is the prior, not a finding.',
  },
  'fit-unusable': {
    level: 'warning',
    title: 'Newest fit not to be used',
    meaning:
      'The constants could not be fitted to the newest window of readings: they are those of the fit before, or their priors. See the verdict of the run that fitted them, or run `twinloop fit` on the readings.',
  },
  'fit-care': {
    level: 'note',
    title: 'Newest fit to be used with care',
    meaning:
      'Something speaks against the newest fit of the constants: its verdict, in the report of the run that made it and by `twinloop fit`, says what.',
  },
  inconsistent: {
    level: 'warning',
    title: 'Bands not to be believed',
    meaning:
      'Over the whole run the predictions were off by much more, or much less, than their bands say.',
  },
  'gateway-backlog': {
    level: 'note',
    title: 'Readings still to come',
    meaning:
      'The gateway holds readings back. They are taken in their place when they come; until then the estimate lacks them. See why the gateway cannot send.',
  },
  'late-unused': {
    level: 'warning',
    title: 'Readings too late',
    meaning:
      'Readings came so long after their time that the estimate could not take them any more. See why the gateway was away, or widen the late window.',
  },
  'sample-quarantined': {
    level: 'warning',
    title: 'Sample set aside',
    meaning:
      'The model failed at it again and again; it is kept in the store to be tried again, and the estimate goes on without it.',
  },
  'falling-behind': {
    level: 'warning',
    title: 'Falling behind',
    meaning:
      'A sample takes longer than the time to the next one: the estimate grows older all the time. Use a longer sample period or more cores.',
  },
};
