import { readFileSync } from 'node:fs';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import type { SiteWise } from '../../../simulators/sitewise/index.js';
import type { Json } from './script.js';

/** A shape of the service's own model. */
export interface ModelShape {
  type: string;
  members?: Record<string, { shape: string; location?: string; locationName?: string }>;
  required?: string[];
  member?: { shape: string };
  key?: { shape: string };
  value?: { shape: string };
  min?: number;
  max?: number;
  pattern?: string;
  enum?: string[];
}

/** The service's model, as far as these tests read it. */
export interface Model {
  operations: Record<
    string,
    {
      http: { method: string; requestUri: string; responseCode?: number };
      input?: { shape: string };
      output?: { shape: string };
    }
  >;
  shapes: Record<string, ModelShape>;
}

export const readModel = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Model;

/** An answer as it came. */
export interface RawAnswer {
  status: number;
  errorType: string | undefined;
  body: Json;
}

/** Sends requests built from the model, whatever is in them. */
export function createRawCaller(model: Model, siteWise: SiteWise) {
  const signer = new SignatureV4({
    service: 'iotsitewise',
    region: siteWise.region,
    credentials: siteWise.credentials,
    sha256: Sha256,
  });
  const url = new URL(siteWise.endpoint);
  return async (operation: string, input: Record<string, unknown>): Promise<RawAnswer> => {
    const { http, input: inputRef } = model.operations[operation] ?? {
      http: { method: 'GET', requestUri: '/' },
    };
    const shape = model.shapes[inputRef?.shape ?? ''];
    let path = http.requestUri;
    const query: Record<string, string | string[]> = {};
    const body: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(input)) {
      const member = shape?.members?.[name];
      const text = String(value);
      if (member?.location === 'uri') {
        path = path.replace(`{${member.locationName}}`, encodeURIComponent(text));
      } else if (member?.location === 'querystring') {
        query[member.locationName ?? name] = Array.isArray(value) ? value.map(String) : text;
      } else if (member?.location !== 'header') body[name] = value;
    }
    path = path.replace(/\{\w+\}/g, '');
    const hasBody = http.method !== 'GET' && http.method !== 'DELETE';
    const text = hasBody ? JSON.stringify(body) : undefined;
    const signed = await signer.sign({
      method: http.method,
      protocol: url.protocol,
      hostname: url.hostname,
      port: Number(url.port),
      path,
      query,
      headers: { host: url.host, ...(hasBody ? { 'content-type': 'application/json' } : {}) },
      ...(text === undefined ? {} : { body: text }),
    });
    const target = new URL(`${siteWise.endpoint}${path}`);
    for (const [key, value] of Object.entries(query)) {
      for (const v of [value].flat()) target.searchParams.append(key, v);
    }
    const { host: _host, ...headers } = signed.headers;
    const answer = await fetch(target, {
      method: http.method,
      headers,
      ...(text === undefined ? {} : { body: text }),
    });
    const received = await answer.text();
    return {
      status: answer.status,
      errorType: answer.headers.get('x-amzn-errortype') ?? undefined,
      body: received === '' ? {} : JSON.parse(received),
    };
  };
}

const JSON_TYPES: Record<string, string> = {
  string: 'string',
  integer: 'number',
  long: 'number',
  double: 'number',
  float: 'number',
  timestamp: 'number',
  boolean: 'boolean',
};

/** What is wrong with an answer by the model; empty when it fits. */
export function faultsOf(model: Model, shapeName: string, value: Json, path = ''): string[] {
  const shape = model.shapes[shapeName];
  if (shape === undefined) return [`${path}: no shape ${shapeName}`];
  if (shape.type === 'structure') {
    if (typeof value !== 'object' || value === null) return [`${path}: no structure`];
    const faults = (shape.required ?? [])
      .filter((name) => value[name] === undefined && shape.members?.[name]?.location !== 'header')
      .map((name) => `${path}.${name}: required`);
    for (const [name, v] of Object.entries(value)) {
      const member = shape.members?.[name];
      // Required in one listing, whose text says that it is null at the end.
      if (name === 'nextToken' && v === null) continue;
      if (member === undefined) faults.push(`${path}.${name}: unknown`);
      else faults.push(...faultsOf(model, member.shape, v, `${path}.${name}`));
    }
    return faults;
  }
  if (shape.type === 'list') {
    if (!Array.isArray(value)) return [`${path}: no list`];
    return value.flatMap((v, i) => faultsOf(model, shape.member?.shape ?? '', v, `${path}[${i}]`));
  }
  if (shape.type === 'map') {
    return Object.entries(value).flatMap(([k, v]) =>
      faultsOf(model, shape.value?.shape ?? '', v, `${path}.${k}`),
    );
  }
  if (shape.type === 'double' && ['NaN', 'Infinity', '-Infinity'].includes(value)) return [];
  const found: string = typeof value;
  if (found !== JSON_TYPES[shape.type]) return [`${path}: ${typeof value}, not ${shape.type}`];
  const faults: string[] = [];
  if (shape.enum !== undefined && !shape.enum.includes(value)) faults.push(`${path}: ${value}`);
  if (shape.pattern !== undefined && value !== '' && !matches(shape.pattern, value)) {
    faults.push(`${path}: '${value}' does not match ${shape.pattern}`);
  }
  return faults;
}

export const matches = (pattern: string, text: string) =>
  new RegExp(`^(?:${pattern})$`, 'u').test(text);

/** One way in which a request can be wrong. */
export interface Mutant {
  what: string;
  input: Record<string, unknown>;
}

const CANDIDATES = ['', ' ', '\u0007', 'a\nb', '!!', 'x'.repeat(13), '-', 'é|~', 'NOT_A_VALUE'];
const MAX_TEXT = 3000;

function badValues(shape: ModelShape, located: boolean): [string, unknown][] {
  const bad: [string, unknown][] = [];
  const { min = 0, max = Number.POSITIVE_INFINITY } = shape;
  if (shape.type === 'string') {
    if (!located) bad.push(['a number for a string', 7], ['a list for a string', []]);
    if (shape.enum !== undefined) bad.push(['an unknown value', 'NOT_A_VALUE']);
    if (max < MAX_TEXT) bad.push(['too long', 'a'.repeat(max + 1)]);
    if (min > 0 && !located) bad.push(['too short', 'a'.repeat(min - 1)]);
    const { pattern } = shape;
    if (pattern !== undefined) {
      for (const text of CANDIDATES) {
        if (located && text === '') continue;
        if (!matches(pattern, text) && text.length >= min && text.length <= max) {
          bad.push([`against the pattern: ${JSON.stringify(text)}`, text]);
        }
      }
    }
  } else if (shape.type === 'integer' || shape.type === 'long') {
    bad.push(['a text for a number', 'seven'], ['a fraction', 1.5]);
    if (shape.min !== undefined) bad.push(['below the least', shape.min - 1]);
    if (shape.max !== undefined && shape.max < 1e12) bad.push(['above the most', shape.max + 1]);
  } else if (shape.type === 'boolean') bad.push(['a text for a boolean', 'maybe']);
  else if (shape.type === 'timestamp') bad.push(['no date', 'yesterday']);
  else if (shape.type === 'structure' && !located) bad.push(['a text for a structure', 'x']);
  else if (shape.type === 'list' && !located) {
    bad.push(['a text for a list', 'x']);
    if (min > 0) bad.push(['an empty list', []]);
  } else if (shape.type === 'map' && !located) bad.push(['a list for a map', [1]]);
  return bad;
}

/** Every single way to break a valid input that the model tells of. */
export function mutantsOf(
  model: Model,
  operation: string,
  input: Record<string, unknown>,
): Mutant[] {
  const shapeName = model.operations[operation]?.input?.shape;
  if (shapeName === undefined) return [];
  const mutants: Mutant[] = [];
  const walk = (name: string, value: Json, path: string[], build: (v: unknown) => Json) => {
    const shape = model.shapes[name];
    if (shape === undefined || path.length > 7) return;
    if (shape.type === 'structure') {
      for (const required of shape.required ?? []) {
        if (shape.members?.[required]?.location === 'uri') continue;
        const { [required]: _gone, ...rest } = value;
        mutants.push({ what: `${[...path, required].join('.')}: missing`, input: build(rest) });
      }
      for (const [member, ref] of Object.entries(shape.members ?? {})) {
        if (ref.location === 'header') continue;
        const inner = model.shapes[ref.shape];
        if (inner === undefined) continue;
        const at = [...path, member];
        const rebuild = (v: unknown) => build({ ...value, [member]: v });
        for (const [what, bad] of badValues(inner, ref.location !== undefined)) {
          mutants.push({ what: `${at.join('.')}: ${what}`, input: rebuild(bad) });
        }
        if (value[member] !== undefined) walk(ref.shape, value[member], at, rebuild);
      }
    } else if (shape.type === 'list' && Array.isArray(value) && value.length > 0) {
      const itemName = shape.member?.shape ?? '';
      const rebuild = (v: unknown) => build([v, ...value.slice(1)]);
      if (model.shapes[itemName]?.type === 'string') {
        for (const [what, bad] of badValues(model.shapes[itemName], true)) {
          mutants.push({ what: `${path.join('.')}[0]: ${what}`, input: rebuild(bad) });
        }
      } else walk(itemName, value[0], [...path, '0'], rebuild);
    }
  };
  walk(shapeName, input, [], (v) => v as Json);
  return mutants;
}
