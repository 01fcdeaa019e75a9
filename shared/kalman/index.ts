export {
  type AugmentedMeasurement,
  type AugmentedTransition,
  augmentedUkfPredict,
  augmentedUkfStep,
  augmentedUkfUpdate,
} from './augmented-ukf.js';
export { cholesky, choleskyUpdate, logDeterminant, solveRightTransposed } from './cholesky.js';
export { conditionSquareRoot } from './condition.js';
export {
  autocorrelation,
  type ConsistencyTest,
  innovationAutocorrelation,
  ljungBox,
  meanNisTest,
  nees,
  type WhitenessTest,
} from './consistency.js';
export {
  chiSquareCdf,
  chiSquareQuantile,
  chiSquareSurvival,
  erfc,
  logGamma,
  normalCdf,
  normalPdf,
  normalQuantile,
  Z95,
} from './distributions.js';
export { type Svd, type SymmetricEigen, svd, symmetricEigen } from './eigen.js';
export {
  type FactoredUpdate,
  mergeFactored,
  updateConsidering,
  updateFactored,
} from './factored-update.js';
export {
  gaussianLogLikelihood,
  mahalanobisSquared,
  mahalanobisSquaredOf,
  mergeGaussians,
} from './gaussian.js';
export {
  kfPredict,
  kfUpdate,
  type LinearMeasurement,
  type LinearTransition,
  srKfPredict,
  srKfUpdate,
} from './kalman-filter.js';
export {
  type Assimilation,
  assimilate,
  type FilterHistory,
  type HistoryEntry,
  startHistory,
} from './late-samples.js';
export {
  diagonal,
  identity,
  matMul,
  matMulTransposed,
  matTransposedMul,
  matTransposedVec,
  matVec,
  sandwich,
  symmetricRankK,
  symmetrize,
  transpose,
} from './matrix.js';
export { factorMoments, type Moments, mixFactored, mixMoments } from './mixing.js';
export { squareRootOfStack, triangularize, triangularizeOnto } from './qr.js';
export {
  cubatureSigmaPoints,
  drawSigmaPoints,
  julierSigmaPoints,
  type ScaledOptions,
  type SigmaPoints,
  scaledSigmaPoints,
} from './sigma-points.js';
export {
  linearSmootherStep,
  rtsSmoother,
  type SmootherStep,
  unscentedSmootherStep,
} from './smoother.js';
export { angularSpace, type Space, wrapAngle } from './space.js';
export { semidefiniteSquareRoot } from './square-root.js';
export {
  type SrUkfMeasurement,
  type SrUkfTransition,
  srUkfPredict,
  srUkfUpdate,
} from './square-root-ukf.js';
export {
  choleskySolve,
  invertFromCholesky,
  invertLower,
  solveLower,
  solveLowerTransposed,
  solveUpper,
} from './triangular.js';
export type {
  Gate,
  Gaussian,
  Innovation,
  NoisyVectorFunction,
  SquareRootGaussian,
  VectorFunction,
} from './types.js';
export {
  type UkfMeasurement,
  type UkfPrediction,
  type UkfTransition,
  ukfPredict,
  ukfPredictDetailed,
  ukfUpdate,
} from './unscented-kalman-filter.js';
export {
  type Conditioning,
  conditionGaussian,
  conditionSquareRootGaussian,
} from './update.js';
export { createWorkspace, type RowViews, type Workspace } from './workspace.js';
