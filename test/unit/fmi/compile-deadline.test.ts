// An FMU of sources whose compile does not end: it includes a pipe that nobody writes to.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { compileSources } from '../../../shared/fmi/binding/compile.js';
import { callCompilerSync } from '../../../shared/fmi/binding/compiler-call.js';
import { createFmuPool, openFmu } from '../../../shared/fmi/index.js';
import { hasCompiler } from './fixture-fmus.js';

const dir = mkdtempSync(join(tmpdir(), 'twinloop-compile-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const cacheDir = join(dir, 'cache');
const sources = join(dir, 'waits', 'sources');
const source = join(sources, 'waits.c');
const canTry =
  process.platform === 'linux' && hasCompiler && spawnSync('mkfifo', ['--version']).status === 0;

if (canTry) {
  mkdirSync(sources, { recursive: true });
  writeFileSync(
    join(dir, 'waits', 'modelDescription.xml'),
    `<?xml version="1.0" encoding="UTF-8"?>
<fmiModelDescription fmiVersion="2.0" modelName="waits" guid="g">
<CoSimulation modelIdentifier="waits"><SourceFiles><File name="waits.c"/></SourceFiles></CoSimulation>
<ModelVariables><ScalarVariable name="y" valueReference="1" causality="output" variability="continuous" initial="calculated"><Real/></ScalarVariable></ModelVariables>
<ModelStructure><Outputs><Unknown index="1"/></Outputs></ModelStructure>
</fmiModelDescription>`,
  );
  writeFileSync(source, '#include "never.h"\n');
  spawnSync('mkfifo', [join(sources, 'never.h')]);
}

/** The processes that name this test's source. */
function compilers(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(source);
    } catch {
      return false;
    }
  });
}

describe.skipIf(!canTry)('a compile that does not end', () => {
  it('fails at its deadline, and neither a compiler nor a file of it stays', async () => {
    const fmu = await openFmu(join(dir, 'waits'), { cacheDir });
    await expect(createFmuPool({ fmu, lanes: 1, compileTimeoutMs: 1500 })).rejects.toMatchObject({
      code: 'FMU_TIMEOUT',
      retryable: true,
      message: expect.stringMatching(/not compiled before the deadline/),
    });
    await expect.poll(compilers, { timeout: 5000 }).toEqual([]);
    expect(readdirSync(join(cacheDir, 'compiled'))).toEqual([]);
  });

  it('is not begun when the deadline has passed', async () => {
    const fmu = await openFmu(join(dir, 'waits'), { cacheDir });
    const { coSimulation } = fmu.modelDescription;
    if (coSimulation === undefined) throw new Error('a co-simulation FMU');
    await expect(
      compileSources(fmu, coSimulation, 'a binary', AbortSignal.abort()),
    ).rejects.toMatchObject({ code: 'FMU_TIMEOUT' });
    await expect.poll(compilers, { timeout: 5000 }).toEqual([]);
  });

  it('is ended as well where the process waits for it', async () => {
    const object = join(dir, 'waits.o');
    const outcome = callCompilerSync({ command: 'cc', args: ['-c', source, '-o', object] }, 1500);
    expect(outcome).toMatchObject({ ok: false, missing: false });
    await expect.poll(compilers, { timeout: 5000 }).toEqual([]);
    expect(existsSync(object)).toBe(false);
  });
});
