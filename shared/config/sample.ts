import { stringify } from 'yaml';
import { z } from 'zod';

interface Described {
  description?: string;
  default?: unknown;
  properties?: Record<string, Described>;
  anyOf?: Described[];
  oneOf?: Described[];
  items?: Described;
  const?: unknown;
  enum?: unknown[];
}

/**
 * A config file to start from, as YAML: an example, and below it every option with its meaning and
 * default as comments.
 *
 * @param heading the first line's text
 */
export function sampleConfig(
  schema: z.ZodType,
  example: Readonly<Record<string, unknown>>,
  heading: string,
): string {
  const described = z.toJSONSchema(schema, { io: 'input' }) as Described;
  const lines = [`# ${heading}`, '', stringify(example).trimEnd(), '', '# All options:'];
  for (const [key, part] of Object.entries(described.properties ?? {})) {
    if (key !== '$schema') lines.push(...optionLines({ properties: { [key]: part } }, 0));
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

function optionLines(part: Described, depth: number): string[] {
  const indent = '  '.repeat(depth);
  const lines: string[] = [];
  for (const [key, option] of Object.entries(part.properties ?? {})) {
    const list = option.items;
    const nested = option.properties ?? list?.properties;
    const alternatives = option.oneOf ?? option.anyOf ?? list?.oneOf ?? [];
    const value =
      option.default === undefined || nested !== undefined
        ? ''
        : ` ${JSON.stringify(option.default)}`;
    const choices = option.enum === undefined ? '' : ` [${option.enum.join(' | ')}]`;
    const description = option.description === undefined ? '' : `  # ${option.description}`;
    const each = list === undefined ? '' : ' (list)';
    lines.push(`# ${indent}${key}:${value}${description}${choices}${each}`.trimEnd());
    if (nested !== undefined) lines.push(...optionLines({ properties: nested }, depth + 1));
    for (const alternative of alternatives) {
      if (alternative.properties === undefined) continue;
      const type = alternative.properties.type?.const;
      if (type !== undefined) lines.push(`# ${indent}  with type ${String(type)}:`);
      lines.push(...optionLines(alternative, depth + 2));
    }
  }
  return lines;
}
