type Tree = Record<string, unknown>;

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Merges as a deployment does: maps are joined key by key, anything else is replaced. */
export function mergeConfiguration(base: Tree, change: Tree): Tree {
  const merged: Tree = { ...base };
  for (const [key, value] of Object.entries(change)) {
    const old = merged[key];
    merged[key] = isTree(old) && isTree(value) ? mergeConfiguration(old, value) : value;
  }
  return merged;
}

/** The value at a key path; undefined where there is none. */
export function valueAtPath(root: Tree, keyPath: readonly string[]): unknown {
  return keyPath.reduce<unknown>((at, key) => (isTree(at) ? at[key] : undefined), root);
}

/** Scalars as text, as nucleus lite hands them over. */
export function scalarsAsText(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(scalarsAsText);
  if (isTree(value)) {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, scalarsAsText(v)]));
  }
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
}
