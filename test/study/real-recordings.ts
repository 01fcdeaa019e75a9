import type { Sample, Twin } from '../../shared/twin/index.js';
import {
  boxSamples,
  boxTwin,
  hasRecording,
  tankSamples,
  tanksTwin,
} from '../support/real-machines.js';

/** A recording of a real machine, with the twin of our own that is fitted to it. */
export interface Recording {
  name: string;
  /** Thinned out where fits of parts of it are compared. */
  twin(): Twin;
  samples(): Sample[];
  /** As it was recorded. */
  wholeTwin(): Twin;
  wholeSamples(): Sample[];
}

const box = (name: string, file: string, room: 't1' | 't3') => ({
  name,
  file,
  twin: () => boxTwin({ simulation: { mode: 'transient', interface: 'cs', stepSizeS: 12 } }),
  samples: () => boxSamples(file, room, 4),
  wholeTwin: () => boxTwin(),
  wholeSamples: () => boxSamples(file, room),
});

/** The recordings that are at hand. */
export const RECORDINGS: readonly Recording[] = [
  box('heated box 2023', 'incubator/empty-2023.csv', 't3'),
  box('heated box 2021, lid opened', 'incubator/lid-2021.csv', 't1'),
  {
    name: 'two tanks',
    file: 'tanks/estimation.csv',
    twin: () => tanksTwin(),
    samples: tankSamples,
    wholeTwin: () => tanksTwin(),
    wholeSamples: tankSamples,
  },
].filter(({ file }) => hasRecording(file));
