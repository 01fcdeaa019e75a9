// npm run corpus -- DIR [--python PATH] [--timeout S] [--json]: every FMU under a folder through
// description, schema, co-simulation and model exchange, compared with FMPy where it is installed.
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { messageOf } from '../../shared/core/index.js';
import { validateSchema } from '../../shared/fmi/description/validate-schema.js';
import { isError } from '../../shared/fmi/description/xml-attributes.js';
import { type Fmu, readFmu, validateFmu } from '../../shared/fmi/index.js';
import { count, readProgram, runCalled, text, toggle } from '../study/common/options.js';
import { judge, type Verdict } from './compare.js';

interface Row {
  file: string;
  tool: string;
  version: string;
  errors: number;
  warnings: number;
  cs?: Verdict;
  me?: Verdict;
  unreadable?: string;
}

function fmusUnder(dir: string): string[] {
  return readdirSync(dir, { recursive: true })
    .map((name) => join(dir, String(name)))
    .filter((path) => path.endsWith('.fmu') && statSync(path).isFile())
    .sort();
}

async function problemsOf(fmu: Fmu, xml: Uint8Array, syntax: Parameters<typeof validateFmu>[1]) {
  const schema = await validateSchema(xml, fmu.modelDescription.fmiMajorVersion);
  return [...schema, ...validateFmu(fmu, syntax)];
}

async function rowOf(
  path: string,
  file: string,
  python: string | undefined,
  timeoutMs: number,
): Promise<Row> {
  try {
    const { fmu, problems: syntax, xml } = await readFmu(path);
    const md = fmu.modelDescription;
    const problems = await problemsOf(fmu, xml, syntax);
    const errors = problems.filter(isError).length;
    const row: Row = {
      file,
      tool: md.generationTool ?? '?',
      version: md.fmiVersion,
      errors,
      warnings: problems.length - errors,
    };
    if (md.coSimulation) row.cs = await judge(fmu, 'cs', python, timeoutMs);
    if (md.modelExchange) row.me = await judge(fmu, 'me', python, timeoutMs);
    return row;
  } catch (error) {
    const unreadable = messageOf(error).split('\n')[0] ?? '';
    return { file, tool: '?', version: '?', errors: 1, warnings: 0, unreadable };
  }
}

function print(row: Row): void {
  const head = `${row.file}  FMI ${row.version}  ${row.tool}  ${row.errors} errors, ${row.warnings} warnings`;
  console.log(row.unreadable === undefined ? head : `${head}: ${row.unreadable}`);
  for (const type of ['cs', 'me'] as const) {
    const verdict = row[type];
    if (verdict !== undefined) console.log(`    ${type}  ${verdict.kind}: ${verdict.detail}`);
  }
}

const program = {
  name: 'corpus',
  measures:
    'Takes every FMU under a folder through description, schema, co-simulation and model exchange, compared with FMPy where it is installed.',
  options: {
    python: text('a Python that has FMPy', 'PATH', process.env.TWINLOOP_FMPY_PYTHON ?? ''),
    timeout: count('seconds for each run', 60),
    json: toggle('one object of JSON instead of lines'),
  },
  words: { name: '<dir>', describe: 'the folder' },
};

await runCalled(async () => {
  const read = readProgram(program, process.argv.slice(2));
  if (read === undefined) return undefined;
  const [dir = ''] = read.words;
  const { timeout, json } = read.given;
  const python = read.given.python === '' ? undefined : read.given.python;
  if (python === undefined) {
    console.error('FMPy is not compared: name a Python that has it by --python.');
  }
  const rows: Row[] = [];
  for (const path of fmusUnder(dir)) {
    const row = await rowOf(path, relative(dir, path), python, 1000 * timeout);
    rows.push(row);
    if (!json) print(row);
  }
  const counts: Record<string, number> = {};
  for (const verdict of rows.flatMap((r) => [r.cs, r.me])) {
    if (verdict !== undefined) counts[verdict.kind] = (counts[verdict.kind] ?? 0) + 1;
  }
  const unreadable = rows.filter((r) => r.unreadable !== undefined).length;
  if (json) console.log(JSON.stringify({ fmus: rows.length, unreadable, counts, rows }));
  else {
    console.log(`\n${rows.length} FMUs, ${unreadable} unreadable; runs by outcome:`);
    for (const [kind, count] of Object.entries(counts)) console.log(`  ${count}  ${kind}`);
  }
  return (counts.differs ?? 0) + (counts['only FMPy runs it'] ?? 0) > 0 ? 1 : 0;
});
