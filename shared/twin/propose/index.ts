/** A first twin definition from an FMU and a recording. */
export { chooseParameters, type ParameterChoice } from './choose-parameters.js';
export { columnLines, definitionText, modelLines } from './definition-text.js';
export { fmuPathFrom } from './fmu-path.js';
export { type Match, type Matches, matchColumns, type Undecided } from './match.js';
export { noiselessChannels } from './noise.js';
export { interpolationLines, withInterpolations } from './offered-interpolations.js';
export { courseText, wearLines, withOfferedWear } from './offered-wear.js';
export { type Proposal, withNoise, withParameters, withReaches } from './proposal.js';
export { type ProposeOptions, proposeTwin } from './propose.js';
export { findReaches, type Reaches } from './reach.js';
export { type RestTime, restTime } from './rest-time.js';
export { runStep } from './run-step.js';
export { withRestTime, withStep } from './simulation.js';
export { startUpRows } from './start-up.js';
