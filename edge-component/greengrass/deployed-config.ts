import { dirname, resolve } from 'node:path';
import {
  type EdgeConfig,
  edgeSchema,
  loadConfig,
  PUBLISHER_OPTIONS,
  parseConfig,
} from '../../shared/config/index.js';
import { packageFile, TwinError } from '../../shared/core/index.js';

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

/** A config of a deployment, and where it is from. */
export interface DeployedConfig {
  config: EdgeConfig;
  /** What its relative paths are relative to, but for `dataDir`. */
  baseDir: string;
  /** For people. */
  source: string;
}

/** Before a path: in the component's own artifact. */
export const ARTIFACT_PREFIX = 'artifact:';

/**
 * The component's config out of a deployment: the key `edge`, or, where that has a `configFile`, the file
 * that it names. A nucleus hands out short configurations only (lite: 10,000 bytes); a file may be long.
 *
 * @param workDir the component's work folder; a relative `configFile` is looked for there, and with
 *   `artifact:` before it in the component's artifact
 * @throws ConfigError with every problem, TwinError `FILE_NOT_FOUND`
 */
export async function readDeployedConfig(
  configuration: unknown,
  workDir: string,
): Promise<DeployedConfig> {
  const file = (configuration as { edge?: { configFile?: unknown } } | undefined)?.edge?.configFile;
  if (file === undefined || file === null || file === '') {
    return {
      config: parseDeployedConfig(configuration),
      baseDir: workDir,
      source: 'Greengrass deployment',
    };
  }
  if (typeof file !== 'string') {
    throw new TwinError(
      'CONFIG_INVALID',
      `edge.configFile: expected the path of a file, found ${JSON.stringify(file)}.`,
    );
  }
  const path = file.startsWith(ARTIFACT_PREFIX)
    ? packageFile(file.slice(ARTIFACT_PREFIX.length))
    : resolve(workDir, file);
  const config = await loadConfig(edgeSchema, path, 'edge config');
  return { config, baseDir: dirname(path), source: `${path}, named by the Greengrass deployment` };
}
