import type * as sdk from '@aws-sdk/client-iotsitewise';
import { invalidRequest } from '../../api/faults.js';
import { KIND, QUALITY_CODES, type StoredValue } from '../../store/block.js';
import { compareTimes, END_OF_TIME, type StoredTime } from '../../store/value-store.js';
import { type Account, type AssetRecord, allProperties, type ModelProperty } from '../account.js';
import { checkFormula, evaluateFormula, type FormulaValue } from './evaluate.js';
import { type Formula, FormulaError, namesIn, parseFormula } from './parse.js';
import { CARRYING, type TimedValue } from './temporal.js';

/** Formulas that stand on formulas that stand on formulas …, at most. */
const MAX_DEPTH = 8;
/** Metrics look back this many windows for their newest value. */
const MAX_WINDOWS_BACK = 10_000;

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** A property whose values follow from others, computed when they are read. */
export interface ComputedProperty {
  scan(
    from: StoredTime,
    to: StoredTime,
    descending: boolean,
    visit: (value: StoredValue) => boolean,
  ): void;
  latest(atOrBefore?: StoredTime): StoredValue | undefined;
}

/** A tumbling window's length and offset, seconds. @throws ApiFault `InvalidRequestException` */
function parseWindow(window: sdk.MetricWindow | undefined): {
  intervalS: number;
  offsetS: number;
} {
  const { interval = '', offset } = window?.tumbling ?? {};
  const parse = (text: string) => {
    const m = /^(\d+)([smhdw])$/.exec(text);
    return m === null ? undefined : Number(m[1]) * (UNITS[m[2] ?? ''] ?? 0);
  };
  const intervalS = parse(interval);
  if (intervalS === undefined || intervalS < 60 || intervalS > 604_800) {
    throw invalidRequest(`A window's interval is 1m to 1w, e.g. 5m, 1h, 1d; found '${interval}'.`);
  }
  const offsetS = offset === undefined ? 0 : parse(offset);
  if (offsetS === undefined) {
    throw invalidRequest(`A window's offset is like 30m in this stand-in; found '${offset}'.`);
  }
  return { intervalS, offsetS };
}

/**
 * Checks the formula of a transform or metric against its variables.
 *
 * @throws ApiFault `InvalidRequestException`
 */
export function checkExpression(property: sdk.AssetModelPropertyDefinition): void {
  const { transform, metric } = property.type ?? {};
  const definition = transform ?? metric;
  if (definition === undefined) return;
  if (metric !== undefined) parseWindow(metric.window);
  try {
    const formula = parseFormula(definition.expression ?? '');
    checkFormula(formula, metric !== undefined);
    const declared = new Set((definition.variables ?? []).map((v) => v.name));
    for (const name of namesIn(formula).variables) {
      if (!declared.has(name)) throw new FormulaError(`The variable ${name} is not declared.`);
    }
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error;
    throw invalidRequest(
      `Property ${property.name}: its expression '${definition.expression}' cannot be used: ${error.message}`,
    );
  }
}

/** A variable's source: properties, stored or computed, whose values it takes. */
interface Source {
  scan(
    from: StoredTime,
    to: StoredTime,
    descending: boolean,
    visit: (value: StoredValue) => boolean,
  ): void;
  latest(atOrBefore?: StoredTime): StoredValue | undefined;
}

const formulas = new Map<string, Formula>();

function formulaOf(expression: string): Formula {
  let formula = formulas.get(expression);
  if (formula === undefined) {
    if (formulas.size > 10_000) formulas.clear();
    formula = parseFormula(expression);
    formulas.set(expression, formula);
  }
  return formula;
}

/** @param key the property's id, or its name in the same model */
function sourceOf(account: Account, asset: AssetRecord, key: string, depth: number): Source {
  const model = account.model(asset.modelId);
  const properties = model === undefined ? [] : allProperties(model);
  const property =
    properties.find((p) => p.id === key) ??
    properties.find((p) => p.name === key || `externalId:${p.externalId}` === key);
  const propertyId = property?.id ?? key;
  const computed =
    property === undefined || depth > MAX_DEPTH
      ? undefined
      : computedProperty(account, asset, property, depth);
  if (computed !== undefined) return computed;
  const number = account.seriesByProperty(asset.id, propertyId)?.number;
  return {
    scan(from, to, descending, visit) {
      if (number === undefined) return;
      account.values.scan(number, from, to, descending, (block, low, high) => {
        for (let i = low; i < high; i++) {
          if (!visit(block.row(descending ? low + high - 1 - i : i))) return false;
        }
        return true;
      });
    },
    latest: (atOrBefore = END_OF_TIME) =>
      number === undefined
        ? undefined
        : account.values.latest(number, atOrBefore, QUALITY_CODES.GOOD),
  };
}

/** Several assets' values as one variable's, as hierarchies give them: newest of all, ascending. */
function joined(sources: readonly Source[]): Source {
  if (sources.length === 1) return sources[0] as Source;
  return {
    scan(from, to, descending, visit) {
      const all: StoredValue[] = [];
      for (const source of sources) {
        source.scan(from, to, false, (v) => {
          all.push(v);
          return true;
        });
      }
      all.sort((a, b) => (descending ? compareTimes(b, a) : compareTimes(a, b)));
      for (const value of all) if (!visit(value)) return;
    },
    latest: (atOrBefore) =>
      sources
        .map((s) => s.latest(atOrBefore))
        .filter((v) => v !== undefined)
        .sort(compareTimes)
        .pop(),
  };
}

function variablesOf(
  account: Account,
  asset: AssetRecord,
  variables: readonly sdk.ExpressionVariable[],
  depth: number,
): Map<string, Source> {
  const hierarchies = account.model(asset.modelId)?.hierarchies ?? [];
  return new Map(
    variables.map((variable) => {
      const { propertyId = '', hierarchyId: wanted } = variable.value ?? {};
      const hierarchyId = hierarchies.find((h) => h.id === wanted || h.name === wanted)?.id;
      const assets =
        wanted === undefined
          ? [asset]
          : account
              .allAssets()
              .filter(
                (a) => a.parent?.assetId === asset.id && a.parent.hierarchyId === hierarchyId,
              );
      const sources = assets.map((a) => sourceOf(account, a, propertyId, depth + 1));
      return [variable.name ?? '', joined(sources)];
    }),
  );
}

const isUsable = (v: StoredValue) => v.quality === QUALITY_CODES.GOOD && v.kind <= KIND.string;
const inputOf = (v: StoredValue | undefined): FormulaValue =>
  v === undefined ? undefined : v.kind === KIND.string ? v.text : v.number;

function toStored(time: StoredTime, value: FormulaValue): StoredValue | undefined {
  if (value === undefined) return undefined;
  const base = { seconds: time.seconds, nanos: time.nanos, quality: QUALITY_CODES.GOOD };
  return typeof value === 'string'
    ? { ...base, kind: KIND.string, number: 0, text: value }
    : { ...base, kind: KIND.double, number: value };
}

/**
 * The formula behind a property.
 *
 * @returns undefined for attributes and measurements
 */
export function computedProperty(
  account: Account,
  asset: AssetRecord,
  property: ModelProperty,
  depth = 0,
): ComputedProperty | undefined {
  const { transform, metric } = property.type ?? {};
  const definition = transform ?? metric;
  if (definition === undefined) return undefined;
  const formula = formulaOf(definition.expression ?? '');
  const sources = variablesOf(account, asset, definition.variables ?? [], depth);
  return metric === undefined
    ? transformOf(formula, sources)
    : metricOf(account, formula, sources, parseWindow(metric.window));
}

/** A transform has a value whenever an input has one, with the newest of the others. */
function transformOf(formula: Formula, sources: ReadonlyMap<string, Source>): ComputedProperty {
  const at = (time: StoredTime) => {
    const value = (name: string) => inputOf(sources.get(name)?.latest(time));
    return toStored(time, evaluateFormula(formula, { value }));
  };
  return {
    scan(from, to, descending, visit) {
      if (sources.size === 1) {
        const [[name, source] = ['', undefined]] = sources;
        source?.scan(from, to, descending, (v) => {
          if (!isUsable(v)) return true;
          const value = evaluateFormula(formula, {
            value: (n) => (n === name ? inputOf(v) : undefined),
          });
          const stored = toStored(v, value);
          return stored === undefined || visit(stored);
        });
        return;
      }
      const times: StoredTime[] = [];
      for (const source of sources.values()) {
        source.scan(from, to, false, (v) => {
          if (isUsable(v)) times.push({ seconds: v.seconds, nanos: v.nanos });
          return true;
        });
      }
      times.sort((a, b) => (descending ? compareTimes(b, a) : compareTimes(a, b)));
      let before: StoredTime | undefined;
      for (const time of times) {
        if (before !== undefined && compareTimes(before, time) === 0) continue;
        before = time;
        const stored = at(time);
        if (stored !== undefined && !visit(stored)) return;
      }
    },
    latest(atOrBefore) {
      const newest = [...sources.values()]
        .map((s) => s.latest(atOrBefore))
        .filter((v) => v !== undefined)
        .sort(compareTimes)
        .pop();
      return newest === undefined ? undefined : at(newest);
    },
  };
}

/** A metric has one value per window, at the window's end, once that has passed. */
function metricOf(
  account: Account,
  formula: Formula,
  sources: ReadonlyMap<string, Source>,
  window: { intervalS: number; offsetS: number },
): ComputedProperty {
  const { intervalS, offsetS } = window;
  // Some functions carry a value on: then every window has one after the variable's first.
  const carries = [...namesIn(formula).functions].some((name) => CARRYING.has(name));
  const endOf = (seconds: number) =>
    Math.floor((seconds - offsetS) / intervalS) * intervalS + offsetS + intervalS;

  /** The value of the window [end − interval, end). */
  function valueAt(end: number): StoredValue | undefined {
    const from = { seconds: end - intervalS, nanos: 0 };
    const to = { seconds: end - 1, nanos: 999_999_999 };
    let inputs = 0;
    const numbers = (name: string) => {
      const found: number[] = [];
      sources.get(name)?.scan(from, to, false, (v) => {
        if (isUsable(v) && v.kind !== KIND.string) found.push(v.number);
        return true;
      });
      inputs += found.length;
      return found;
    };
    const value = (name: string) => {
      const newest = sources.get(name)?.latest(to);
      if (newest !== undefined) inputs++;
      return inputOf(newest);
    };
    const times = (name: string) => {
      const timed = (v: StoredValue): TimedValue => ({
        timeS: v.seconds + v.nanos / 1e9,
        value: isUsable(v) ? inputOf(v) : undefined,
      });
      const source = sources.get(name);
      const inside: TimedValue[] = [];
      source?.scan(from, to, false, (v) => {
        inside.push(timed(v));
        return true;
      });
      const beginning = { seconds: from.seconds - 1, nanos: 999_999_999 };
      const newest = source?.latest(beginning);
      let beforeHolds = false;
      source?.scan({ seconds: 0, nanos: 0 }, beginning, true, (v) => {
        beforeHolds = isUsable(v);
        return false;
      });
      inputs += inside.length + (newest === undefined ? 0 : 1);
      return {
        startS: from.seconds,
        endS: end,
        before: newest === undefined ? undefined : timed(newest),
        beforeHolds,
        inside,
      };
    };
    const result = evaluateFormula(formula, { value, window: numbers, times });
    return inputs === 0 ? undefined : toStored({ seconds: end, nanos: 0 }, result);
  }

  /** First and last input time in a range, to skip windows without any. */
  function inputRange(from: StoredTime, to: StoredTime): [number, number] | undefined {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (const source of sources.values()) {
      for (const descending of [false, true]) {
        source.scan(from, to, descending, (v) => {
          low = Math.min(low, v.seconds);
          high = Math.max(high, v.seconds);
          return false;
        });
      }
    }
    if (carries) {
      const had = [...sources.values()].some((s) => s.latest(from) !== undefined);
      if (had) low = from.seconds;
      if (low <= to.seconds) high = to.seconds;
    }
    return low <= high ? [low, high] : undefined;
  }

  const nowS = () => Number(account.clock.nowNs() / 1_000_000_000n);
  return {
    scan(from, to, descending, visit) {
      const inputs = inputRange(
        { seconds: Math.max(0, from.seconds - intervalS), nanos: 0 },
        { seconds: Math.min(to.seconds, nowS()), nanos: 999_999_999 },
      );
      if (inputs === undefined) return;
      const first = endOf(inputs[0]);
      const last = Math.min(endOf(inputs[1]), nowS());
      const ends: number[] = [];
      for (let end = first; end <= last; end += intervalS) {
        const time = { seconds: end, nanos: 0 };
        if (compareTimes(time, from) >= 0 && compareTimes(time, to) <= 0) ends.push(end);
      }
      if (descending) ends.reverse();
      for (const end of ends) {
        const value = valueAt(end);
        if (value !== undefined && !visit(value)) return;
      }
    },
    latest(atOrBefore = END_OF_TIME) {
      const limit = Math.min(atOrBefore.seconds, nowS());
      const newest = [...sources.values()]
        .map((s) => s.latest({ seconds: limit, nanos: 0 }))
        .filter((v) => v !== undefined)
        .sort(compareTimes)
        .pop();
      if (newest === undefined) return undefined;
      let end = carries ? endOf(limit) : endOf(newest.seconds);
      for (let tries = 0; tries < MAX_WINDOWS_BACK; tries++, end -= intervalS) {
        if (end > limit) continue;
        const value = valueAt(end);
        if (value !== undefined) return value;
      }
      return undefined;
    },
  };
}
