/** What each kind of alarm means to somebody who has to act on it. */
export const MEANINGS: Readonly<Record<string, { title: string; meaning: string }>> = {
  limit: {
    title: 'Limit passed',
    meaning:
      'The twin is 95 % sure that the limit is passed. Plan maintenance; watch what depends on it.',
  },
  'at-bound': {
    title: 'At its physical bound',
    meaning:
      'The estimate presses against what is physically possible; a healthy part often sits at zero.',
  },
  'not-identifiable': {
    title: 'Cannot be told',
    meaning:
      'The sensors say hardly more about it than was known before. Its band is honest, and wide.',
  },
  'sensor-fault': {
    title: 'Sensor contradicts the others',
    meaning: 'This one reading does not fit what all the others say. Check the sensor.',
  },
  'sensor-frozen': {
    title: 'Sensor stands still',
    meaning: 'It repeats one value while others move. Check the sensor and its cable.',
  },
  'model-mismatch': {
    title: 'Model does not fit',
    meaning:
      'No state of the parts explains the readings together: something happens that the model lacks.',
  },
  'noise-mismatch': {
    title: 'Noise other than assumed',
    meaning: 'Readings scatter more or less than expected; the bands adapt slowly.',
  },
  'correlated-innovations': {
    title: 'Drifting residuals',
    meaning: 'Errors of prediction follow each other: something moves slowly that the model lacks.',
  },
  'regime-change': {
    title: 'Sudden change',
    meaning: 'The machine changed at a stroke (slip, repair); the twin opened its bands to follow.',
  },
  stale: {
    title: 'No fresh measurements',
    meaning: 'What you see is old. Check the gateway and its connection.',
  },
  'bad-quality': {
    title: 'Bad reading',
    meaning: 'The source itself marks this value as bad; the calibration leaves it out.',
  },
  'calibration-failed': {
    title: 'Last calibration failed',
    meaning: 'The last good state is kept, and the next run tries again.',
  },
};
