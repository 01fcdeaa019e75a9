import type { FaultCode } from './faults.js';
import type { OperationName } from './schema.js';

/** A JSON text that is sent as it is: for answers with many values. */
export class RawJson {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What a handler may ask about its request. */
export interface RequestContext {
  /** The code with which an entry of a batch is to fail on purpose, asked once per entry. */
  entryFault(): FaultCode | undefined;
}

/** Answers one operation; the input is already checked against shape and limits. */
export type Handler = (
  input: never,
  context: RequestContext,
) => object | undefined | Promise<object | undefined>;

/** The operations that one resource answers. */
export type Handlers = Partial<Record<OperationName, Handler>>;

/** Operations that only read. */
export const READING = /^(BatchGet|Get|List|Describe|ExecuteQuery)/;

/** An answer as JSON: dates as epoch seconds, numbers that JSON lacks as text. */
export function toWire(value: unknown): string {
  if (value === undefined) return '{}';
  if (value instanceof RawJson) return value.text;
  return JSON.stringify(convert(value));
}

function convert(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.getTime() / 1000;
  if (Array.isArray(value)) return value.map(convert);
  const result: Record<string, unknown> = {};
  for (const [key, v] of Object.entries(value)) {
    if (v !== undefined) result[key] = convert(v);
  }
  return result;
}
