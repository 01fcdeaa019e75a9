import { invalidRequest } from '../../api/faults.js';

/** The two actions that a computation model for anomalies has. */
export const TRAINING = 'AWS/ANOMALY_DETECTION_TRAINING';
export const INFERENCE = 'AWS/ANOMALY_DETECTION_INFERENCE';

const hours = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `PT${from + i}H`);

/** How often an inference may run. */
const FREQUENCIES = ['PT5M', 'PT10M', 'PT15M', 'PT30M', ...hours(1, 12), 'P1D', 'PT1D'];

type Payload = Record<string, unknown>;

function parse(text: string): Payload {
  try {
    const payload: unknown = JSON.parse(text);
    if (typeof payload === 'object' && payload !== null && !Array.isArray(payload)) {
      return payload as Payload;
    }
  } catch {
    // Falls through: no JSON.
  }
  throw invalidRequest('The payload of an action must be a JSON object.');
}

function oneOf(payload: Payload, member: string, values: readonly string[]): string {
  const value = payload[member];
  if (typeof value === 'string' && values.includes(value)) return value;
  throw invalidRequest(`The payload's ${member} must be one of ${values.join(', ')}.`);
}

function wholeNumber(payload: Payload, member: string, max = Number.MAX_SAFE_INTEGER): number {
  const value = payload[member];
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) {
    return value;
  }
  throw invalidRequest(
    `The payload's ${member} must be a whole number${max < Number.MAX_SAFE_INTEGER ? ` up to ${max}` : ', epoch seconds'}.`,
  );
}

/**
 * Reads an action's payload.
 *
 * @returns `stop` for what ends a schedule, `start` for what would need a model to be trained or run
 * @throws ApiFault `InvalidRequestException`
 * @see https://docs.aws.amazon.com/iot-sitewise/latest/userguide/anom-detection-sensors-asset.html
 */
export function readActionPayload(actionType: string, text: string): 'start' | 'stop' {
  const payload = parse(text);
  if (actionType === INFERENCE) {
    if (oneOf(payload, 'inferenceMode', ['START', 'STOP']) === 'STOP') return 'stop';
    oneOf(payload, 'dataUploadFrequency', FREQUENCIES);
    if (payload.dataDelayOffsetInMinutes !== undefined) {
      wholeNumber(payload, 'dataDelayOffsetInMinutes', 60);
    }
    return 'start';
  }
  const mode = oneOf({ trainingMode: 'TRAIN_MODEL', ...payload }, 'trainingMode', [
    'TRAIN_MODEL',
    'START_RETRAINING_SCHEDULER',
    'STOP_RETRAINING_SCHEDULER',
  ]);
  if (mode === 'TRAIN_MODEL') {
    const from = wholeNumber(payload, 'exportDataStartTime');
    const to = wholeNumber(payload, 'exportDataEndTime');
    if (from >= to) {
      throw invalidRequest('The exportDataStartTime must be before the exportDataEndTime.');
    }
  }
  return mode === 'STOP_RETRAINING_SCHEDULER' ? 'stop' : 'start';
}
