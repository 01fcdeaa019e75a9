import fc from 'fast-check';

/**
 * Property tests draw the same cases in every run, so that a change is judged by what it changed.
 * `TWINLOOP_PROPERTY_SEED=random` (or a number) draws others.
 */
const wanted = process.env.TWINLOOP_PROPERTY_SEED ?? '20261124';
if (wanted !== 'random') fc.configureGlobal({ seed: Number(wanted) });
