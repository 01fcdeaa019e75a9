import { ApiFault, invalidRequest } from './faults.js';
import { type ApiLimits, type Limit, SITEWISE_LIMITS } from './limits.js';
import type { Member, Operation, Shape, StructureShape } from './schema.js';

/** What arrived, before anything is known to be right. */
export interface RawRequest {
  /** Path labels, already decoded. */
  labels: Readonly<Record<string, string>>;
  query: URLSearchParams;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: unknown;
}

/** Checks and converts one value; adds to `problems` what breaks a limit. */
type Check = (value: unknown, path: string, problems: string[]) => unknown;

/** Problems that one answer lists at most. */
const MAX_PROBLEMS = 10;

const wrongType = (path: string, expected: string, value: unknown) =>
  new ApiFault(
    'SerializationException',
    `Member ${path === '' ? 'of the request' : path} must be ${expected}, found ${value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value}.`,
  );

function excerpt(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function checkSize(
  size: number,
  what: string,
  limit: Limit,
  path: string,
  value: unknown,
  problems: string[],
): void {
  const { min, max } = limit;
  if (min !== undefined && size < min) {
    problems.push(`'${excerpt(value)}' at '${path}': ${what} must be at least ${min}`);
  }
  if (max !== undefined && size > max) {
    problems.push(`'${excerpt(value)}' at '${path}': ${what} must be at most ${max}`);
  }
}

function stringCheck(limit: Limit | undefined): Check {
  const values = limit?.values === undefined ? undefined : new Set(limit.values);
  return (value, path, problems) => {
    if (typeof value !== 'string') throw wrongType(path, 'a string', value);
    if (limit === undefined) return value;
    checkSize(value.length, 'length', limit, path, value, problems);
    if (limit.pattern !== undefined && !limit.pattern.test(value)) {
      problems.push(`'${excerpt(value)}' at '${path}': must match ${limit.pattern.source}`);
    }
    if (values !== undefined && !values.has(value)) {
      problems.push(`'${excerpt(value)}' at '${path}': must be one of ${[...values].join(', ')}`);
    }
    return value;
  };
}

const SPECIAL_NUMBERS: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};
/** The only members that take fractions; every other number is whole. */
const FRACTIONAL = new Set(['doubleValue']);

function numberCheck(name: string, limit: Limit | undefined): Check {
  const fractional = FRACTIONAL.has(name);
  return (value, path, problems) => {
    let number = value;
    if (fractional && typeof value === 'string') number = SPECIAL_NUMBERS[value];
    if (typeof number !== 'number') throw wrongType(path, 'a number', value);
    if (!fractional && !Number.isInteger(number)) {
      throw wrongType(path, 'a whole number', value);
    }
    if (name === 'integerValue' && (number > 2_147_483_647 || number < -2_147_483_648)) {
      throw wrongType(path, 'a whole number of 32 bits', value);
    }
    if (limit !== undefined) checkSize(number, 'value', limit, path, number, problems);
    return number;
  };
}

/** Later or earlier than this a date is no date, seconds. */
const MAX_EPOCH_S = 8.64e12;

function timestampCheck(): Check {
  return (value, path) => {
    if (typeof value === 'string') {
      const ms = Date.parse(value);
      if (/^\d{4}-\d\d-\d\dT/.test(value) && !Number.isNaN(ms)) return new Date(ms);
      if (/^\d+(\.\d+)?$/.test(value) && Number(value) <= MAX_EPOCH_S) {
        return new Date(Math.round(Number(value) * 1000));
      }
    }
    if (typeof value === 'number' && Math.abs(value) <= MAX_EPOCH_S) {
      return new Date(Math.round(value * 1000));
    }
    throw wrongType(path, 'a date (epoch seconds or ISO 8601)', value);
  };
}

function listCheck(
  name: string,
  member: Shape,
  limit: Limit | undefined,
  limits: ApiLimits,
): Check {
  const item = lazyCheck(name, member, limits.ofItem(name), limits);
  return (value, path, problems) => {
    if (!Array.isArray(value)) throw wrongType(path, 'a list', value);
    if (limit !== undefined) checkSize(value.length, 'size', limit, path, value, problems);
    // A list far over its limit is refused without a look at its items.
    if (limit?.max !== undefined && value.length > limit.max) return value;
    for (let i = 0; i < value.length; i++) {
      if (value[i] === null) throw wrongType(`${path}.${i + 1}.member`, 'a value', null);
      value[i] = item(value[i], `${path}.${i + 1}.member`, problems);
    }
    return value;
  };
}

function mapCheck(name: string, member: Shape, limit: Limit | undefined, limits: ApiLimits): Check {
  const own = limits.ofMap(name);
  const item = lazyCheck(name, member, own?.value, limits);
  const key = stringCheck(own?.key);
  return (value, path, problems) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw wrongType(path, 'a map', value);
    }
    const entries = Object.entries(value);
    if (limit !== undefined) checkSize(entries.length, 'size', limit, path, value, problems);
    return Object.fromEntries(
      entries.map(([k, v]) => [
        key(k, `${path}.key`, problems),
        item(v, `${path}.value`, problems),
      ]),
    );
  };
}

const compiled = new Map<StructureShape, Check>();

/** A shape belongs to one API, and so do its limits. */
function structureCheck(shape: StructureShape, limits: ApiLimits): Check {
  const known = compiled.get(shape);
  if (known !== undefined) return known;
  const members = shape.members.map((m) => ({
    name: m.name,
    required: m.required,
    check: lazyCheck(m.name, m.shape, limits.of(shape.name, m.name), limits),
  }));
  const check: Check = (value, path, problems) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw wrongType(path, 'a structure', value);
    }
    const source = value as Record<string, unknown>;
    const target: Record<string, unknown> = {};
    for (const m of members) {
      const v = source[m.name];
      if (v === undefined || v === null) {
        if (m.required) problems.push(`'null' at '${join(path, m.name)}': must not be null`);
      } else target[m.name] = m.check(v, join(path, m.name), problems);
    }
    if (shape.kind === 'union' && Object.keys(target).length !== 1) {
      throw wrongType(path, 'exactly one member of the union', value);
    }
    return target;
  };
  compiled.set(shape, check);
  return check;
}

const join = (path: string, name: string) => (path === '' ? name : `${path}.${name}`);

function lazyCheck(name: string, shape: Shape, limit: Limit | undefined, limits: ApiLimits): Check {
  let check: Check | undefined;
  return (value, path, problems) => {
    check ??= toCheck(name, shape, limit, limits);
    return check(value, path, problems);
  };
}

function toCheck(name: string, shape: Shape, limit: Limit | undefined, limits: ApiLimits): Check {
  const type = shape();
  switch (type.kind) {
    case 'string':
      return stringCheck(limit);
    case 'number':
      return numberCheck(name, limit);
    case 'boolean':
      return (value, path) => {
        if (typeof value !== 'boolean') throw wrongType(path, 'true or false', value);
        return value;
      };
    case 'timestamp':
      return timestampCheck();
    case 'list':
      return listCheck(name, type.member, limit, limits);
    case 'map':
      return mapCheck(name, type.value, limit, limits);
    case 'structure':
    case 'union':
      return structureCheck(type, limits);
    default:
      return (value) => value;
  }
}

/** A query parameter's text as what its type expects. */
function fromText(member: Member, texts: readonly string[]): unknown {
  const type = member.shape();
  const [text = ''] = texts;
  switch (type.kind) {
    case 'list':
      return [...texts];
    case 'number':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    default:
      return text;
  }
}

/**
 * Puts a request together from its label, query, header and body, and checks it against the
 * operation's shape and limits.
 *
 * @returns the operation's input; dates are `Date`s, members that the API does not know are dropped
 * @throws ApiFault `SerializationException` for a wrong type, `InvalidRequestException` naming what
 *   breaks a limit
 */
export function validateRequest(
  operation: Operation<string>,
  request: RawRequest,
  limits: ApiLimits = SITEWISE_LIMITS,
): unknown {
  const { body } = request;
  if (body !== undefined && (typeof body !== 'object' || body === null || Array.isArray(body))) {
    throw wrongType('', 'a JSON object', body);
  }
  const source: Record<string, unknown> = { ...(body as object | undefined) };
  for (const member of operation.input.members) {
    if (member.location === 'body') continue;
    delete source[member.name];
    if (member.location === 'label') source[member.name] = request.labels[member.name];
    else if (member.location === 'query') {
      const texts = request.query.getAll(member.locationName);
      if (texts.length > 0) source[member.name] = fromText(member, texts);
    } else {
      const text = request.headers[member.locationName];
      if (typeof text === 'string') source[member.name] = text;
    }
  }
  const problems: string[] = [];
  const input = structureCheck(operation.input, limits)(source, '', problems);
  if (problems.length > 0) {
    const shown = problems.slice(0, MAX_PROBLEMS).join('; ');
    throw invalidRequest(
      `${problems.length} validation error${problems.length === 1 ? '' : 's'} detected: ${shown}.`,
    );
  }
  return input;
}
