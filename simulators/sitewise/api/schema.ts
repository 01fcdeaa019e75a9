import * as sdk from '@aws-sdk/client-iotsitewise';

/**
 * An API's operations and shapes, read from the runtime schemas that the AWS SDK's client carries:
 * routes, members, types and what is required. Lengths, patterns and maxima are not in them; those
 * are in limits.ts.
 */

/** A member's type. */
export type ShapeType =
  | { kind: 'string' | 'number' | 'boolean' | 'timestamp' | 'document' | 'blob' | 'unit' }
  | { kind: 'list'; member: Shape }
  | { kind: 'map'; value: Shape }
  | { kind: 'structure' | 'union'; name: string; members: readonly Member[] };

/** A type that is resolved when first asked for: shapes may be recursive. */
export type Shape = () => ShapeType;

/** Where a member travels. */
export type Location = 'body' | 'query' | 'label' | 'header';

/** A member of a structure. */
export interface Member {
  name: string;
  shape: Shape;
  required: boolean;
  location: Location;
  /** Its name there: of the query parameter or header. */
  locationName: string;
}

/** One of an API's operations. */
export interface Operation<Name extends string = OperationName> {
  name: Name;
  method: string;
  /** e.g. `/assets/{assetId}`. */
  path: string;
  successStatus: number;
  /** `api`, `data` or `monitor`: which of the service's hosts it belongs to. */
  plane: string;
  input: StructureShape;
  output: StructureShape;
}

export type StructureShape = Extract<ShapeType, { kind: 'structure' | 'union' }>;

type SchemaExports = keyof typeof sdk;
type CommandName = Extract<SchemaExports, `${string}Command`>;
/** The names of the API's operations. */
export type OperationName = CommandName extends `${infer Name}Command` ? Name : never;

type Traits = number | Record<string, unknown> | undefined;
type RawSchema = unknown;

// The kinds by which the SDK marks its schemas.
const LIST = 1;
const MAP = 2;
const STRUCTURE = 3;
const UNION = 4;
const OPERATION = 9;
const LIST_MODIFIER = 64;
const MAP_MODIFIER = 128;
/** The trait of a path label as the SDK packs it. */
const HTTP_LABEL_BIT = 1;

const SIMPLE: Readonly<Record<number, ShapeType>> = {
  0: { kind: 'string' },
  1: { kind: 'number' },
  2: { kind: 'boolean' },
  4: { kind: 'timestamp' },
  5: { kind: 'timestamp' },
  6: { kind: 'timestamp' },
  7: { kind: 'timestamp' },
  15: { kind: 'document' },
  17: { kind: 'number' },
  19: { kind: 'number' },
  21: { kind: 'blob' },
  42: { kind: 'blob' },
};

const cache = new Map<RawSchema, ShapeType>();

function simpleShape(code: number): ShapeType {
  if (code >= MAP_MODIFIER) {
    const value = simpleShape(code - MAP_MODIFIER);
    return { kind: 'map', value: () => value };
  }
  if (code >= LIST_MODIFIER) {
    const member = simpleShape(code - LIST_MODIFIER);
    return { kind: 'list', member: () => member };
  }
  const shape = SIMPLE[code];
  if (shape === undefined) throw new Error(`The SDK has a schema of unknown kind ${code}.`);
  return shape;
}

/** Takes the traits off a member's schema, and the function that makes it lazy. */
function unwrap(raw: RawSchema): { schema: RawSchema; traits: Traits } {
  let schema = raw;
  let traits: Traits;
  for (;;) {
    if (typeof schema === 'function') schema = (schema as () => RawSchema)();
    else if (Array.isArray(schema) && schema.length === 2 && !isStatic(schema)) {
      traits = schema[1] as Traits;
      schema = schema[0];
    } else return { schema, traits };
  }
}

function isStatic(schema: readonly unknown[]): boolean {
  return typeof schema[0] === 'number' && typeof schema[1] === 'string';
}

function resolve(raw: RawSchema): ShapeType {
  const { schema } = unwrap(raw);
  if (schema === 'unit') return { kind: 'unit' };
  if (typeof schema === 'number') return simpleShape(schema);
  const known = cache.get(schema);
  if (known !== undefined) return known;
  const s = schema as readonly unknown[];
  let shape: ShapeType;
  switch (s[0]) {
    case 0:
      shape = simpleShape(s[4] as number);
      break;
    case LIST:
      shape = { kind: 'list', member: lazily(s[4]) };
      break;
    case MAP:
      shape = { kind: 'map', value: lazily(s[5]) };
      break;
    case STRUCTURE:
    case UNION:
    case -STRUCTURE:
      shape = {
        kind: s[0] === UNION ? 'union' : 'structure',
        name: s[2] as string,
        members: toMembers(s[4] as string[], s[5] as RawSchema[], (s[6] as number) ?? 0),
      };
      break;
    default:
      throw new Error(`The SDK has a schema of unknown kind ${String(s[0])}.`);
  }
  cache.set(schema, shape);
  return shape;
}

function lazily(raw: RawSchema): Shape {
  let shape: ShapeType | undefined;
  return () => {
    shape ??= resolve(raw);
    return shape;
  };
}

function toMembers(names: readonly string[], schemas: readonly RawSchema[], required: number) {
  return names.map((name, i): Member => {
    const raw = schemas[i];
    // Traits stand in the wrapper; a lazy schema is only resolved when used.
    const traits =
      Array.isArray(raw) && raw.length === 2 && !isStatic(raw) ? (raw[1] as Traits) : undefined;
    const { location, locationName } = toLocation(name, traits);
    return { name, shape: lazily(raw), required: i < required, location, locationName };
  });
}

function toLocation(name: string, traits: Traits): { location: Location; locationName: string } {
  if (typeof traits === 'number') {
    return { location: traits & HTTP_LABEL_BIT ? 'label' : 'body', locationName: name };
  }
  if (typeof traits?.httpQuery === 'string') {
    return { location: 'query', locationName: traits.httpQuery };
  }
  if (typeof traits?.httpHeader === 'string') {
    return { location: 'header', locationName: traits.httpHeader.toLowerCase() };
  }
  return { location: traits?.httpLabel ? 'label' : 'body', locationName: name };
}

const EMPTY: StructureShape = { kind: 'structure', name: 'Unit', members: [] };

function toStructure(raw: RawSchema): StructureShape {
  const shape = resolve(raw);
  return shape.kind === 'structure' || shape.kind === 'union' ? shape : EMPTY;
}

function toOperation<Name extends string>(schema: readonly unknown[]): Operation<Name> {
  const traits = schema[3] as { endpoint?: [string]; http: [string, string, number] };
  const [method, path, successStatus] = traits.http;
  return {
    name: schema[2] as Name,
    method,
    path,
    successStatus,
    plane: (traits.endpoint?.[0] ?? 'api.').replace('.', ''),
    input: toStructure(schema[4]),
    output: toStructure(schema[5]),
  };
}

/**
 * Every operation of an API, by name.
 *
 * @param client what the module of the AWS SDK's client exports
 */
export function readOperations<Name extends string>(
  client: object,
): ReadonlyMap<Name, Operation<Name>> {
  return new Map(
    Object.values(client)
      .filter((v): v is readonly unknown[] => Array.isArray(v) && v[0] === OPERATION)
      .map((schema) => toOperation<Name>(schema))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((operation) => [operation.name, operation]),
  );
}

/** Every operation of the API of IoT SiteWise, by name. */
export const OPERATIONS = readOperations<OperationName>(sdk);
