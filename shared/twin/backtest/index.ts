/** Tests of a twin's predictions and bands on the user's own record. */
export { backtest } from './backtest.js';
export { backtestLines } from './lines.js';
export type { BacktestOptions } from './options.js';
export { backtestPlot } from './plot.js';
export { backtestReport } from './report.js';
export type { BacktestOutput, HeldOutSensor, HorizonScore, SplitHalf } from './types.js';
