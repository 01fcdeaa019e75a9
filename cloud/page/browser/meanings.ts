/**
 * What the alarms of the page's own mean to somebody who has to act on them; those of a calibration
 * come with their meaning.
 */
export const MEANINGS: Readonly<Record<string, { title: string; meaning: string }>> = {
  stale: {
    title: 'No fresh measurements',
    meaning: 'What you see is old. Check the gateway and its connection.',
  },
  'bad-quality': {
    title: 'Bad reading',
    meaning: 'The source itself marks this value as bad; the calibration leaves it out.',
  },
  'left-band': {
    title: 'Left the twin’s band',
    meaning: 'Look at the machine and at the sensor; the next calibration tells which has changed.',
  },
  'calibration-failed': {
    title: 'Last calibration failed',
    meaning: 'The last good state is kept, and the next run tries again.',
  },
};
