import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import {
  ConfigError,
  didYouMean,
  type Problem,
  readUserFile,
  unknownNames,
} from '../core/index.js';
import { knownAt } from './known-names.js';

function valueAtPath(input: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = input;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  return value;
}

/** The value at a path, shortened for a message. */
function valueAt(input: unknown, path: readonly PropertyKey[]): string {
  const value = valueAtPath(input, path);
  if (value === undefined) return 'nothing';
  const isInfinite = typeof value === 'number' && !Number.isFinite(value);
  const text = (isInfinite ? undefined : JSON.stringify(value)) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number'
        ? `${text}[${key}]`
        : text === ''
          ? String(key)
          : `${text}.${String(key)}`,
    '',
  );
}

function problemsOf(error: z.ZodError, input: unknown, schema: z.ZodType): Problem[] {
  return error.issues.map((issue) => {
    const path = formatPath(issue.path);
    if (issue.code === 'unrecognized_keys') {
      const known = knownAt(toJsonSchema(schema), issue.path).keys;
      return {
        path,
        message: `unknown option ${unknownNames(issue.keys, known)}: remove or rename it`,
      };
    }
    const found = valueAtPath(input, issue.path);
    const hint =
      typeof found === 'string' && /^invalid_(value|union)$/.test(issue.code)
        ? didYouMean(found, knownAt(toJsonSchema(schema), issue.path).words)
        : '';
    // The value found is shown already: of zod's message only what was expected is news.
    const expected = issue.message
      .replace(/^(Invalid|Too) \w+: (?=expected )/, '')
      .replace(/, received \w+$/, '');
    return { path, message: `found ${valueAt(input, issue.path)}${hint}: ${expected}` };
  });
}

/**
 * Checks a parsed config against its schema and collects every problem.
 *
 * @param source what the user calls it: a file name, or `the deployment`
 * @returns the config with its defaults, frozen
 * @throws ConfigError with all problems, each with its path, the value found and what was expected
 */
export function parseConfig<S extends z.ZodType>(
  schema: S,
  input: unknown,
  source: string,
): z.output<S> {
  const result = schema.safeParse(input);
  if (!result.success) throw new ConfigError(source, problemsOf(result.error, input, schema));
  return deepFreeze(result.data);
}

/**
 * Reads a config file, JSON or YAML, and checks it.
 *
 * @throws TwinError `FILE_NOT_FOUND`; ConfigError as in {@link parseConfig}
 */
export async function loadConfig<S extends z.ZodType>(
  schema: S,
  path: string,
  what: string,
): Promise<z.output<S>> {
  const text = (await readUserFile(path, what)).toString('utf8');
  if (text.trim() === '') {
    throw new ConfigError(path, [
      {
        path: '',
        message: `it is empty: expected JSON or YAML, as \`twinloop config sample\` prints it`,
      },
    ]);
  }
  let input: unknown;
  try {
    input = parseJson(text) ?? parseYaml(text);
  } catch (error) {
    const [line] = (error as Error).message.split('\n');
    throw new ConfigError(path, [{ path: '', message: `not readable as JSON or YAML: ${line}` }]);
  }
  return parseConfig(schema, input, path);
}

/**
 * The value of a JSON text, ten times as fast as a parser of YAML reads it: a gateway's config has thousands of
 * signals.
 *
 * @returns undefined where YAML's parser has to look: the text is no JSON, or names a key twice, of which
 *   JSON.parse keeps one without a word
 */
function parseJson(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const written = text.match(/"(?:[^"\\]|\\.)*"\s*:?/g)?.filter((s) => s.endsWith(':')).length;
  return countKeys(value) === (written ?? 0) ? value : undefined;
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const children = Object.values(value);
  const own = Array.isArray(value) ? 0 : children.length;
  return children.reduce((sum: number, child) => sum + countKeys(child), own);
}

/** The JSON Schema of a config file, for editors. */
export function toJsonSchema(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown>;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
