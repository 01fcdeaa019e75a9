import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { CONFIG_KINDS } from '../../../cli/config.js';
import {
  loadConfig,
  parseConfig,
  sampleConfig,
  stackSchema,
  toJsonSchema,
  twinSchema,
} from '../../../shared/config/index.js';
import { ConfigError } from '../../../shared/core/index.js';

function problemsOf(run: () => unknown): readonly { path: string; message: string }[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('parseConfig', () => {
  it('names every problem with its path, the value found and what was expected', () => {
    const wrong = {
      name: 'a b',
      fmu: './x.fmu',
      measured: [{ variable: 'w', alias: '/w', noiseStd: -1 }],
      parameters: [
        { variable: 'b', alias: '/b', lower: 1, upper: 0, prior: { mean: 'x', std: 1 } },
      ],
      colour: 'red',
    };
    const problems = problemsOf(() => parseConfig(twinSchema, wrong, 'twin.json'));
    const at = (path: string) => problems.find((p) => p.path === path)?.message;
    expect(at('name')).toMatch(/found "a b".*letters/);
    expect(at('measured[0].noiseStd')).toMatch(/found -1.*>0/);
    expect(at('parameters[0].prior.mean')).toMatch(/found "x".*number/);
    expect(at('')).toMatch(/unknown option "colour"/);
  });

  it('shows a number that no double holds as what it was read as', () => {
    const wrong = {
      ...{ name: 'a', fmu: './x.fmu', parameters: [], measured: [] },
      inputs: [{ variable: 'u', value: Number('1e309') }],
    };
    const problems = problemsOf(() => parseConfig(twinSchema, wrong, 'twin.json'));
    expect(problems.find((p) => p.path === 'inputs[0].value')?.message).toMatch(/found Infinity/);
  });

  it('freezes what it returns', () => {
    const config = parseConfig(stackSchema, {}, 'stack.json');
    expect(Object.isFrozen(config.ports)).toBe(true);
  });
});

it('says of an empty file that it is empty', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'twinloop-config-'));
  try {
    const path = join(folder, 'empty.yaml');
    await writeFile(path, ' \n');
    await expect(loadConfig(twinSchema, path, 'twin definition')).rejects.toThrow(
      /it is empty: expected JSON or YAML/,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

describe('JSON', () => {
  it('is read as it is written, and a name that is given twice is refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'twinloop-config-'));
    try {
      const path = join(folder, 'any.json');
      const any = z.unknown();
      const value = {
        'a":b': ['x: "y"', { 'c\\': '\\":', é: null }, [[]], {}],
        ['__proto__']: 1,
        n: -1e-3,
      };
      await writeFile(path, JSON.stringify(value, null, 2));
      expect(await loadConfig(any, path, 'any')).toEqual(JSON.parse(JSON.stringify(value)));
      await writeFile(path, '{"timeScale": 10, "timeScale": 20}');
      await expect(loadConfig(stackSchema, path, 'stack config')).rejects.toThrow(/unique/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('loadConfig', () => {
  it('reads JSON and YAML, and says where a file is not readable', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'twinloop-config-'));
    try {
      const path = join(folder, 'stack.yaml');
      await writeFile(path, 'timeScale: 10\n');
      expect((await loadConfig(stackSchema, path, 'stack config')).timeScale).toBe(10);
      await writeFile(path, '{"timeScale": 10');
      await expect(loadConfig(stackSchema, path, 'stack config')).rejects.toThrow(
        /not readable as JSON or YAML/,
      );
      await expect(loadConfig(stackSchema, `${path}x`, 'stack config')).rejects.toMatchObject({
        code: 'FILE_NOT_FOUND',
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe.each(CONFIG_KINDS)('the $name config', ({ schema, example, description }) => {
  it('has a valid example', () => {
    expect(problemsOf(() => parseConfig(schema, example, 'example'))).toEqual([]);
  });

  it('has a sample that is read back as the example', () => {
    expect(parse(sampleConfig(schema, example, description))).toEqual(example);
  });

  it('describes its options in its JSON Schema', () => {
    const { properties } = toJsonSchema(schema) as { properties: Record<string, unknown> };
    expect(Object.keys(properties).length).toBeGreaterThan(2);
  });
});
