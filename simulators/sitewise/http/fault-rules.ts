import type { Rng } from '../../../shared/core/index.js';
import { ApiFault, FAULT_STATUS, type FaultCode, invalidRequest } from '../api/faults.js';

/** What goes wrong on purpose, for tests of clients. */
export interface FaultRule {
  /** The operation it is for; `*` or left out: every one. */
  operation?: string;
  /** Share of the requests that it hits, 0 to 1; default 1. */
  rate?: number;
  /** How many requests it hits before it ends; left out: no end. */
  count?: number;
  /** Answers this much later, milliseconds. */
  latencyMs?: number;
  /** Answers with this error, without doing anything. */
  error?: FaultCode;
  /** Closes the connection: before the request is carried out, or after, with its answer lost. */
  drop?: 'before' | 'after';
  /** BatchPutAssetPropertyValue: fails entries with this code, each with `entryRate`. */
  entryError?: FaultCode;
  /** Share of the entries that `entryError` hits; default 1. */
  entryRate?: number;
}

/** Longest latency that a rule may ask for, milliseconds. */
const MAX_LATENCY_MS = 60_000;

/** What the rules have in store for one request. */
export interface RequestFaults {
  latencyMs: number;
  error: FaultCode | undefined;
  drop: 'before' | 'after' | undefined;
  /** The code with which an entry of a batch is to fail, decided anew for each. */
  entryFault(): FaultCode | undefined;
}

const share = (value: unknown) => typeof value === 'number' && value >= 0 && value <= 1;
const isCode = (value: unknown) => typeof value === 'string' && value in FAULT_STATUS;

/** Checks rules that came from outside. @throws ApiFault `InvalidRequestException` */
export function parseRules(value: unknown): FaultRule[] {
  if (!Array.isArray(value)) throw invalidRequest('Fault rules are a JSON list of objects.');
  const checks: Record<string, (v: unknown) => boolean> = {
    operation: (v) => typeof v === 'string',
    rate: share,
    count: (v) => Number.isInteger(v) && (v as number) > 0,
    latencyMs: (v) => typeof v === 'number' && v >= 0 && v <= MAX_LATENCY_MS,
    error: isCode,
    drop: (v) => v === 'before' || v === 'after',
    entryError: isCode,
    entryRate: share,
  };
  return value.map((rule: unknown, i) => {
    if (typeof rule !== 'object' || rule === null) throw invalidRequest(`Rule ${i} is no object.`);
    for (const [key, v] of Object.entries(rule)) {
      if (checks[key]?.(v) !== true) {
        throw invalidRequest(
          `Rule ${i}: ${key} = ${JSON.stringify(v)} is not understood; known are ${Object.keys(checks).join(', ')}.`,
        );
      }
    }
    return { ...(rule as FaultRule) };
  });
}

/** A rule from the `x-twinloop-fault` header, e.g. `error=ThrottlingException, latencyMs=50`. */
function parseHeaderRule(text: string): FaultRule {
  const rule: Record<string, unknown> = {};
  for (const part of text.split(',')) {
    const [key = '', value = ''] = part.split('=').map((s) => s.trim());
    const number = Number(value);
    rule[key] = value !== '' && Number.isFinite(number) ? number : value;
  }
  return parseRules([rule])[0] as FaultRule;
}

/** The rules in force. */
export class FaultRules {
  #rules: FaultRule[] = [];
  readonly #rng: Rng;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  get(): readonly FaultRule[] {
    return this.#rules;
  }

  /** Replaces all rules; none means that everything works again. */
  set(rules: readonly FaultRule[]): void {
    this.#rules = rules.map((rule) => ({ ...rule }));
  }

  /** What happens to a request, by the rules and by its own header. */
  decide(operation: string, header: string | undefined): RequestFaults {
    const hits: FaultRule[] = header === undefined ? [] : [parseHeaderRule(header)];
    for (const rule of this.#rules) {
      if (rule.operation !== undefined && rule.operation !== '*' && rule.operation !== operation) {
        continue;
      }
      if (this.#rng.uniform() >= (rule.rate ?? 1)) continue;
      hits.push(rule);
      if (rule.count !== undefined) rule.count--;
    }
    this.#rules = this.#rules.filter((rule) => rule.count === undefined || rule.count > 0);
    return {
      latencyMs: hits.reduce((sum, rule) => sum + (rule.latencyMs ?? 0), 0),
      error: hits.find((rule) => rule.error !== undefined)?.error,
      drop: hits.find((rule) => rule.drop !== undefined)?.drop,
      entryFault: () =>
        hits.find(
          (rule) => rule.entryError !== undefined && this.#rng.uniform() < (rule.entryRate ?? 1),
        )?.entryError,
    };
  }
}

/** The error that a rule asks for. */
export const injectedFault = (code: FaultCode) =>
  new ApiFault(code, 'A fault rule of the stand-in asked for this error.');
