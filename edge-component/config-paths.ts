import { resolve } from 'node:path';
import type { EdgeConfig } from '../shared/config/index.js';

/** Options whose text is a path: `file`, `caFile`, `certificateFile` …, and those of the virtual sensors. */
const PATH_KEY = /^(file|[a-zA-Z]+File|twin|store)$/;
/** A store that is no folder. */
const ELSEWHERE = /^[a-z0-9]+:\/\//;

function resolveIn(value: unknown, baseDir: string): unknown {
  if (Array.isArray(value)) return value.map((v) => resolveIn(v, baseDir));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, v]) => {
      // Signals have no paths, and there may be thousands of them.
      if (key === 'signals') return [key, v];
      const isPath = typeof v === 'string' && PATH_KEY.test(key) && !ELSEWHERE.test(v);
      return [key, isPath ? resolve(baseDir, v) : resolveIn(v, baseDir)];
    }),
  );
}

/**
 * A config with absolute paths. One rule for all of them: they are relative to the folder of the config.
 * (`dataDir` alone is resolved where it is used, for under Greengrass it is in the work folder.)
 *
 * @param baseDir the folder of the config
 */
export function resolveConfigPaths(config: EdgeConfig, baseDir: string): EdgeConfig {
  return resolveIn(config, baseDir) as EdgeConfig;
}
