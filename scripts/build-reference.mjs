/**
 * `npm run docs:reference`: writes docs/reference/commands.md and docs/reference/files.md from the commands
 * and schemas themselves. With `--check` it writes nothing and fails where the pages say something else.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { readArguments } from './arguments.mjs';

const { values } = readArguments('npm run docs:reference -- [--check]', {
  check: { type: 'boolean' },
});
const root = resolve(import.meta.dirname, '..');
const { loadCommands } = await import(resolve(root, 'dist/cli/commands.js'));
const { CONFIG_KINDS } = await import(resolve(root, 'dist/cli/config.js'));
const { toJsonSchema } = await import(resolve(root, 'dist/shared/config/load.js'));

const NOTE = 'Written from the code by `npm run docs:reference`.';
/** A cell of a table: bars and angle brackets mean something there. */
const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ').trim();
const code = (text) => `\`${String(text).replaceAll('|', '\\|')}\``;

function table(head, rows) {
  if (rows.length === 0) return [];
  const all = [head, ...rows];
  const width = head.map((_, i) => Math.max(3, ...all.map((row) => [...row[i]].length)));
  const line = (row) =>
    `| ${row.map((text, i) => text + ' '.repeat(width[i] - [...text].length)).join(' | ')} |`;
  return [line(head), line(width.map((w) => '-'.repeat(w))), ...rows.map(line), ''];
}

function commandPage(commands) {
  const sections = commands.flatMap((command) => {
    const { name, summary, arguments: positional = [], options = [], examples = [] } = command;
    const usage = ['twinloop', name, ...positional.map((a) => a.name), '[options]'].join(' ');
    const rows = [
      ...positional.map((a) => [code(a.name), cell(a.description)]),
      ...options.map((o) => [
        code(o.flags),
        cell(
          [
            o.description,
            o.choices === undefined ? '' : `; one of ${o.choices.join(', ')}`,
            o.default === undefined ? '' : `; default: ${o.default}`,
            o.required === true ? '; required' : '',
          ].join(''),
        ),
      ]),
    ];
    return [
      `## ${name}`,
      '',
      `${summary}.`,
      '',
      '```sh',
      usage,
      '```',
      '',
      ...table(['option', 'does'], rows),
      ...(examples.length === 0 ? [] : ['```sh', ...examples, '```', '']),
    ];
  });
  return [
    '# Commands',
    '',
    NOTE,
    '',
    'Results go to stdout, progress to stderr. Every command knows `--json` (one JSON value on stdout, also of',
    'failures), `--log-level` and `--help`. The exit code is 0 where the result is good, 1 where it failed or is not to',
    'be used, 2 where usage or input is wrong; with `--strict`, “use with care” is 1 too.',
    '',
    ...sections,
  ].join('\n');
}

/** The schema that a reference stands for. */
function resolved(schema, whole) {
  const ref = schema?.$ref;
  if (ref === undefined) return schema ?? {};
  const found = ref
    .replace(/^#\//, '')
    .split('/')
    .reduce((at, key) => at?.[key], whole);
  return { ...found, ...schema, $ref: undefined };
}

function typeText(schema) {
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum !== undefined) return schema.enum.map((v) => code(v)).join(', ');
  if (schema.anyOf !== undefined || schema.oneOf !== undefined) {
    return (schema.anyOf ?? schema.oneOf)
      .map(typeText)
      .filter((t) => t !== '')
      .join(' or ');
  }
  if (schema.type === 'array')
    return `list${schema.items?.type === undefined ? '' : ` of ${schema.items.type}s`}`;
  return schema.type ?? '';
}

/** Every key of a schema as rows: dotted path, type, default, meaning. */
function keyRows(schema, whole, path, seen) {
  const here = resolved(schema, whole);
  if (seen.includes(here)) return [];
  const below = [...seen, here];
  const rows = [];
  for (const option of [...(here.anyOf ?? []), ...(here.oneOf ?? []), ...(here.allOf ?? [])]) {
    rows.push(...keyRows(option, whole, path, below));
  }
  const required = new Set(here.required ?? []);
  for (const [key, value] of Object.entries(here.properties ?? {})) {
    if (key === '$schema') continue;
    const at = path === '' ? key : `${path}.${key}`;
    const item = resolved(value, whole);
    const given = item.default;
    const plain = given !== undefined && (given === null || typeof given !== 'object');
    const needed = required.has(key) && given === undefined;
    rows.push([
      code(item.type === 'array' ? `${at}[]` : at),
      cell(typeText(item)),
      plain ? code(JSON.stringify(given)) : needed ? 'required' : '',
      cell(item.description ?? ''),
    ]);
    rows.push(...keyRows(item, whole, item.type === 'array' ? `${at}[]` : at, below));
  }
  if (here.items !== undefined && typeof here.items === 'object') {
    rows.push(...keyRows(here.items, whole, path, below));
  }
  if (typeof here.additionalProperties === 'object') {
    rows.push(...keyRows(here.additionalProperties, whole, `${path}.*`, below));
  }
  return rows;
}

function filePage(kinds) {
  const sections = kinds.flatMap(({ name, description, schema }) => {
    const json = toJsonSchema(schema);
    const rows = keyRows(json, json, '', []);
    const once = [...new Map(rows.map((row) => [`${row[0]} ${row[1]}`, row])).values()];
    return [
      `## ${name}`,
      '',
      description,
      '',
      ...table(['key', 'type', 'default', 'meaning'], once),
    ];
  });
  return [
    '# Files that you write',
    '',
    NOTE,
    '',
    'JSON or YAML. `twinloop config sample KIND` prints one with every option explained, `config schema KIND` its',
    'JSON Schema for editors, `config validate KIND FILE` checks one. `[]` is a list, `*` a name of your own.',
    '',
    ...sections,
  ].join('\n');
}

const pages = {
  'docs/reference/commands.md': commandPage(await loadCommands()),
  'docs/reference/files.md': filePage(CONFIG_KINDS),
};
const stale = [];
for (const [path, text] of Object.entries(pages)) {
  const full = resolve(root, path);
  const now = existsSync(full) ? readFileSync(full, 'utf8') : '';
  if (now === `${text.trimEnd()}\n`) continue;
  stale.push(path);
  if (!values.check) writeFileSync(full, `${text.trimEnd()}\n`);
}
const verb = values.check ? 'Out of date' : 'Wrote';
for (const path of stale) console.log(`${verb}: ${path}`);
if (values.check && stale.length > 0) {
  console.error('Run `npm run docs:reference`.');
  process.exitCode = 1;
}
