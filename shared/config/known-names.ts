type JsonSchema = Readonly<Record<string, unknown>>;

/** What may stand at a place of a file. */
export interface KnownNames {
  /** Options that an object there may have. */
  keys: string[];
  /** Words that a text there may be. */
  words: string[];
}

/**
 * What a schema knows at a path; where there are alternatives, of all of them.
 *
 * @param root JSON Schema of the whole file
 * @see https://json-schema.org/draft/2020-12/json-schema-core
 */
export function knownAt(root: JsonSchema, path: readonly PropertyKey[]): KnownNames {
  let places = alternatives(root, root);
  for (const key of path) places = places.flatMap((place) => children(root, place, key));
  const names = places.flatMap((place) => Object.keys((place.properties ?? {}) as object));
  const words = places.flatMap((place) => [
    ...((place.enum ?? []) as unknown[]),
    ...('const' in place ? [place.const] : []),
  ]);
  return {
    keys: [...new Set(names)],
    words: [...new Set(words.filter((w): w is string => typeof w === 'string'))],
  };
}

/** What a schema says of one key of an object, or of an array's elements. */
function children(root: JsonSchema, place: JsonSchema, key: PropertyKey): JsonSchema[] {
  const properties = (place.properties ?? {}) as Record<PropertyKey, JsonSchema>;
  const below =
    typeof key === 'number'
      ? (place.items ?? (place.prefixItems as JsonSchema[] | undefined)?.[key])
      : (properties[key] ?? place.additionalProperties);
  return typeof below === 'object' && below !== null ? alternatives(root, below as JsonSchema) : [];
}

/** A schema with its references followed and its alternatives side by side. */
function alternatives(root: JsonSchema, schema: JsonSchema): JsonSchema[] {
  if (typeof schema.$ref === 'string') {
    const keys = schema.$ref.split('/').slice(1);
    const target = keys.reduce<unknown>((at, key) => (at as JsonSchema | undefined)?.[key], root);
    return target === undefined ? [] : alternatives(root, target as JsonSchema);
  }
  const branches = ['anyOf', 'oneOf', 'allOf'].flatMap(
    (name) => (schema[name] ?? []) as JsonSchema[],
  );
  return [schema, ...branches.flatMap((branch) => alternatives(root, branch))];
}
