import { TwinError } from '../../shared/core/index.js';

/** What the virtual sensors need of a calibration. */
export interface DeliveredCalibration {
  parameters: Record<string, { mean: number; std: number }>;
  /** When the calibrated machine was in this state. */
  timeNs: bigint;
}

interface Step {
  timeNs?: unknown;
  timeS?: unknown;
  parameters?: Record<string, { mean?: unknown; std?: unknown }>;
}

function timeOf(step: Step): bigint {
  if (typeof step.timeNs === 'string' || typeof step.timeNs === 'number') {
    return BigInt(step.timeNs);
  }
  return typeof step.timeS === 'number' ? BigInt(Math.round(step.timeS * 1e9)) : 0n;
}

/**
 * Reads a calibration: the output of `twinloop calibrate`, a worker's report, or any object with
 * `parameters` and `timeNs` (or `timeS`, seconds since 1970).
 *
 * @throws TwinError `FILE_INVALID`
 */
export function parseCalibration(text: string, source: string): DeliveredCalibration {
  const wrong = (what: string, cause?: unknown) =>
    new TwinError(
      'FILE_INVALID',
      `${source} is no calibration: ${what}. Expected {"steps":[{"timeNs","parameters":{name:{"mean","std"}}}]}.`,
      { cause },
    );
  let root: Step & { steps?: unknown };
  try {
    root = JSON.parse(text) as typeof root;
  } catch (cause) {
    throw wrong('it is not JSON', cause);
  }
  const steps = Array.isArray(root?.steps) ? (root.steps as Step[]) : [];
  const step = root?.parameters === undefined ? steps.at(-1) : root;
  if (step?.parameters === undefined) throw wrong('it has no parameters');
  const parameters: DeliveredCalibration['parameters'] = {};
  for (const [name, { mean, std }] of Object.entries(step.parameters)) {
    if (typeof mean !== 'number' || !Number.isFinite(mean)) throw wrong(`${name} has no mean`);
    parameters[name] = { mean, std: typeof std === 'number' && std >= 0 ? std : 0 };
  }
  return { parameters, timeNs: timeOf(step) };
}
