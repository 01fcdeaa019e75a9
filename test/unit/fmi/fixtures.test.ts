import { describe, expect, it } from 'vitest';
import { readFmu, validateFmu } from '../../../shared/fmi/index.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';

describe.skipIf(!hasCompiler)('the test FMUs', () => {
  const names = ['decay', 'ball', 'stair', 'types', 'vdp', 'chain', 'hostile'];
  const all = [
    ...names.flatMap((name) => [
      { name, version: 2 as const },
      { name, version: 3 as const },
    ]),
    { name: 'arrays', version: 3 as const },
  ];
  it.each(all)('$name, FMI $version, is valid', async ({ name, version }) => {
    const { fmu, problems } = await readFmu(buildFmu(name, version));
    expect(validateFmu(fmu, problems)).toEqual([]);
  });
});
