import {
  type EdgeConfig,
  edgeSchema,
  PUBLISHER_OPTIONS,
  parseConfig,
} from '../../shared/config/index.js';

/** A deep copy that may be changed. */
function copy(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/**
 * Takes out what is left of another type of publisher: a deployment merges, so that one that changes
 * the type leaves the options of the last one, or of the recipe's default, in place.
 */
function withoutFormerPublisher(edge: unknown): unknown {
  const { publisher } = (edge ?? {}) as { publisher?: Record<string, unknown> };
  const own = PUBLISHER_OPTIONS[String(publisher?.type)];
  if (publisher === undefined || own === undefined) return edge;
  const former = new Set(Object.values(PUBLISHER_OPTIONS).flat());
  const kept = Object.entries(publisher).filter(([key]) => own.includes(key) || !former.has(key));
  return { ...(edge as object), publisher: Object.fromEntries(kept) };
}

/**
 * Turns text into the number or boolean that the schema wants in its place: nucleus lite hands
 * scalars over as text.
 */
function restoreScalars(input: unknown): unknown {
  const root = copy(input);
  // A first round may open the way to places that could not be checked before.
  for (let round = 0; round < 4; round++) {
    const result = edgeSchema.safeParse(root);
    if (result.success) break;
    let changed = false;
    for (const issue of result.error.issues) {
      if (issue.code !== 'invalid_type') continue;
      const parent = issue.path
        .slice(0, -1)
        .reduce<unknown>(
          (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
          root,
        );
      const key = issue.path.at(-1);
      if (typeof parent !== 'object' || parent === null || key === undefined) continue;
      const holder = parent as Record<PropertyKey, unknown>;
      const text = holder[key];
      if (typeof text !== 'string') continue;
      const wantsBoolean = issue.expected === 'boolean';
      if (wantsBoolean && /^(true|false)$/i.test(text.trim())) {
        holder[key] = text.trim().toLowerCase() === 'true';
        changed = true;
      } else if (!wantsBoolean && text.trim() !== '' && Number.isFinite(Number(text))) {
        holder[key] = Number(text);
        changed = true;
      }
    }
    if (!changed) break;
  }
  return root;
}

/**
 * The component's config out of what the deployment configured: its key `edge`.
 *
 * @throws ConfigError with every problem
 */
export function parseDeployedConfig(configuration: unknown): EdgeConfig {
  const edge = (configuration as { edge?: unknown } | undefined)?.edge;
  return parseConfig(
    edgeSchema,
    restoreScalars(withoutFormerPublisher(edge ?? {})),
    "the deployment's configuration (edge)",
  );
}
