import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCommands, nouns } from '../../../cli/commands.js';
import { calledNoun } from '../../../cli/program.js';
import { compiledEntry, packageFile } from '../../../shared/core/index.js';

const WEB_LINE = packageFile('shared/twins/web-line/web-line.fmu');
const commands = await loadCommands();

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'twinloop-cli-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function twinloop(...args: string[]) {
  const env = { ...process.env, TWINLOOP_STORE: '', AWS_REGION: 'eu-west-1' };
  return spawnSync(process.execPath, [compiledEntry('cli'), ...args], {
    cwd: dir,
    env,
    encoding: 'utf8',
  });
}

describe('nouns', () => {
  it.each(nouns.map((n) => [n.noun, n] as const))('%s: help says what it is', async (noun, n) => {
    const loaded = await n.load();
    for (const command of loaded) expect(command.name.split(' ')[0]).toBe(noun);
    const itself = loaded.find((command) => command.name === noun);
    if (itself !== undefined) expect(n.summary).toBe(itself.summary);
  });

  it('finds the noun among options', () => {
    expect(calledNoun(['--log-level', 'info', 'fmu', 'simulate', 'up'])).toBe('fmu');
    expect(calledNoun(['--log-level=info', 'state', 'list', 'twin'])).toBe('state');
    expect(calledNoun(['help', 'fmu'])).toBe('fmu');
    expect(calledNoun(['--help'])).toBeUndefined();
  });
});

it.each(commands.map((c) => [c.name, c] as const))(
  '%s says how each picture and page that it writes may be called',
  (_name, { options = [] }) => {
    const named = options.filter((o) => /^--(plot|report) </.test(o.flags));
    for (const { flags, writes, endings } of named) {
      expect(writes, flags).toBe('file');
      expect(endings?.length, flags).toBeGreaterThan(0);
    }
  },
);

describe('--json', () => {
  it.each(commands.map((c) => c.name))(
    '%s tells wrong usage as JSON',
    { timeout: 60_000 },
    (name) => {
      const { stdout, status } = twinloop(...name.split(' '), '--no-such-option', '--json');
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'USAGE' } });
      expect(status).toBe(2);
    },
  );

  it.each<{ args: string[]; code: string; says?: string }>([
    { args: ['--json'], code: 'USAGE' },
    {
      args: ['calibrat', '--json'],
      code: 'USAGE',
      says: '(Did you mean calibrate?) See `twinloop --help`.',
    },
    {
      args: ['calibrate', '--json'],
      code: 'USAGE',
      says: "missing required argument 'twin'. See `twinloop calibrate --help`.",
    },
    {
      args: ['fmu', 'simulate', WEB_LINE, '--stop-tme', '1', '--json'],
      code: 'USAGE',
      says: "unknown option '--stop-tme' (Did you mean --stop-time?) See `twinloop fmu simulate --help`.",
    },
    {
      args: ['calibrate', 't.json', '--data', 'd.csv', '--plot', 'p.png', '--json'],
      code: 'USAGE',
      says: '--plot is "p.png": expected a name ending in .svg',
    },
    {
      args: ['calibrate', 't.json', '--data', 'd.csv', '--report', '/dev/null/a.html', '--json'],
      code: 'FILE_UNWRITABLE',
      says: 'a part of the path is a file',
    },
    ...['fit', 'backtest', 'calibrate'].map((name) => ({
      args: [name, 't.json', '--data', 'd.csv', '--output', 'result.txt', '--json'],
      code: 'USAGE',
      says: '--output is "result.txt": expected a name ending in .json',
    })),
    {
      args: ['new', WEB_LINE, '--data', 'd.csv', '--output', 'twin.txt', '--json'],
      code: 'USAGE',
      says: 'expected a name ending in .yaml or .yml or .json',
    },
    {
      args: ['new', WEB_LINE, '--data', 'd.csv', '--name', 'pümp', '--json'],
      code: 'USAGE',
      says: '--name is "pümp": expected letters, digits, - and _',
    },
    {
      args: ['doctor', '--twin', 't.json', '--asset', 'line1', 'line2', '--json'],
      code: 'USAGE',
      says: '--asset names line1, line2: expected one external id with --twin',
    },
    {
      args: [
        'doctor',
        '--twin',
        packageFile('shared/twins/web-line/twin.json'),
        '--asset',
        'x',
        '--json',
      ],
      code: 'CONFIG_INVALID',
      says: 'and --asset x has 2 problems',
    },
    {
      args: ['config', 'validate', 'edge', '.', '--json'],
      code: 'FILE_INVALID',
      says: 'Could not read the edge config .: it is a folder.',
    },
    { args: ['fmu', 'info', 'none.fmu', '--json'], code: 'FILE_NOT_FOUND' },
    { args: ['edge', 'run', '--config', 'none.yaml', '--json'], code: 'FILE_NOT_FOUND' },
    {
      args: ['fmu', 'simulate', WEB_LINE, '--interface', 'mee', '--json'],
      code: 'USAGE',
      says: 'did you mean "me"',
    },
    {
      args: ['fmu', 'simulate', WEB_LINE, '--output-variables', 'S4_Tensio_N', '--json'],
      code: 'VARIABLE_UNKNOWN',
      says: 'did you mean "S4_Tension_N"',
    },
    {
      args: ['fmu', 'simulate', WEB_LINE, '--stop-time', '', '--json'],
      code: 'USAGE',
      says: '--stop-time is "": expected a number',
    },
    {
      args: ['fmu', 'simulate', WEB_LINE, '--output-file', '.', '--json'],
      code: 'FILE_UNWRITABLE',
      says: 'it is a folder',
    },
    {
      args: ['fmu', 'simulate', WEB_LINE, '--plot', '/dev/null/a.svg', '--json'],
      code: 'FILE_UNWRITABLE',
      says: 'a part of the path is a file',
    },
  ])('$args ends with $code', ({ args, code, says = '' }) => {
    const { stdout, stderr, status } = twinloop(...args);
    const { error } = JSON.parse(stdout);
    expect(error.code).toBe(code);
    expect(error.message).toContain(says);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(status).toBe(2);
  });

  it('prints samples of configs as JSON', () => {
    expect(JSON.parse(twinloop('edge', 'config', '--json').stdout)).toHaveProperty('sources');
  });
});

it.skipIf(process.platform !== 'linux')(
  'ends with 2 where stdout takes nothing, and leaves devices as they are',
  () => {
    const full = spawnSync('sh', [
      '-c',
      `"${process.execPath}" "${compiledEntry('cli')}" edge config > /dev/full`,
    ]);
    expect(full.status).toBe(2);
    expect(String(full.stderr)).toMatch(/^twinloop: Could not write to stdout: ENOSPC[^\n]*\n$/);
    const args = `fmu simulate ${WEB_LINE} --stop-time 0.1 --output-file /dev/stdout`;
    const piped = spawnSync('sh', [
      '-c',
      `"${process.execPath}" "${compiledEntry('cli')}" ${args} | cat`,
    ]);
    expect(String(piped.stdout)).toMatch(/^"?time/);
  },
);

it.skipIf(process.platform === 'win32')(
  'a second signal ends the process where an operation hangs',
  async () => {
    // An operation that takes no notice of the first: it reads a pipe that never ends.
    const pipe = join(dir, 'pipe');
    spawnSync('mkfifo', [pipe]);
    const child = spawn(process.execPath, [
      ...[compiledEntry('cli'), 'config', 'validate', 'edge', pipe],
    ]);
    const exit = once(child, 'exit');
    // Opens when the other side does: the command is at work then.
    const writer = await open(pipe, 'w');
    child.kill('SIGTERM');
    // Again and again: what comes within a moment of the first counts as the same request.
    const again = setInterval(() => child.kill('SIGTERM'), 100);
    const [, signal] = await exit;
    clearInterval(again);
    await writer.close();
    expect(signal).toBe('SIGTERM');
  },
);

it('tells a wrong config key and word with what was probably meant', async () => {
  const file = join(dir, 'stack.json');
  await writeFile(file, JSON.stringify({ timeScal: 10, ports: { monitr: 1 } }));
  const { stdout } = twinloop('config', 'validate', 'stack', file, '--json');
  const { message } = JSON.parse(stdout).error;
  expect(message).toContain('"timeScal" (did you mean "timeScale"?)');
  expect(message).toContain('"monitr" (did you mean "monitor"?)');
  const twin = join(dir, 'twin.json');
  const definition = {
    ...{ name: 't', fmu: 'a.fmu', parameters: [], measured: [] },
    simulation: { mode: 'steady-stat' },
  };
  await writeFile(twin, JSON.stringify(definition));
  const told = JSON.parse(twinloop('config', 'validate', 'twin', twin, '--json').stdout);
  expect(told.error.message).toContain('did you mean "steady-state"?');
});
