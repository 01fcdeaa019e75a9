export { cholesky, choleskyUpdate, logDeterminant, solveRightTransposed } from './cholesky.js';
export { conditionSquareRoot } from './condition.js';
export {
  chiSquareCdf,
  chiSquareQuantile,
  chiSquareSurvival,
  erfc,
  logGamma,
  normalCdf,
  normalPdf,
  normalQuantile,
} from './distributions.js';
export { type Svd, type SymmetricEigen, svd, symmetricEigen } from './eigen.js';
export {
  gaussianLogLikelihood,
  mahalanobisSquared,
  mahalanobisSquaredOf,
  mergeGaussians,
} from './gaussian.js';
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
export { squareRootOfStack, triangularize, triangularizeOnto } from './qr.js';
export {
  choleskySolve,
  invertFromCholesky,
  invertLower,
  solveLower,
  solveLowerTransposed,
  solveUpper,
} from './triangular.js';
