import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';
import { example } from './readme-example.js';

describe('the example of the README', () => {
  it('is the one that is compiled here', () => {
    const source = readFileSync(packageFile('test/unit/fmi/readme-example.ts'), 'utf8');
    const readme = readFileSync(packageFile('shared/fmi/README.md'), 'utf8');
    const body = source.slice(source.indexOf('// begin\n') + 9, source.indexOf('  // end'));
    const dedented = body.replace(/^ {2}/gm, '').trimEnd();
    expect(readme).toContain(dedented);
  });

  it.skipIf(!hasCompiler)('runs', async () => {
    const { end, settled } = await example(buildFmu('decay', 2));
    expect(end).toBeCloseTo(Math.exp(-10), 5);
    for (const y of settled) expect(y).toBeCloseTo(3, 5);
  });
});
