import * as hostPath from 'node:path';

/**
 * The path of an FMU as a definition names it: from the definition's folder, with slashes on every system,
 * so that the two can be moved together. Absolute where there is no way between them (another drive).
 *
 * @param definition absolute path of the definition
 * @param fmu absolute path of the FMU
 * @param path of the system; tests give another
 */
export function fmuPathFrom(
  definition: string,
  fmu: string,
  path: Pick<typeof hostPath, 'dirname' | 'relative' | 'isAbsolute' | 'sep'> = hostPath,
): string {
  const from = path.relative(path.dirname(definition), fmu);
  const slashed = path.sep === '\\' ? from.replaceAll('\\', '/') : from;
  return path.isAbsolute(from) || slashed.startsWith('.') ? slashed : `./${slashed}`;
}
