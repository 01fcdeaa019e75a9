/** A first twin definition from an FMU and a recording. */
export { definitionText, proposalLines } from './definition-text.js';
export { type Match, matchColumns } from './match.js';
export { type Proposal, type ProposeOptions, proposeTwin } from './propose.js';
