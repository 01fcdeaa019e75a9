import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { deployAssembly } from '../../../simulators/cloudformation/deploy.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinloop-deploy-'));
  const properties = { templateFile: 's.template.json' };
  const artifacts = { s: { type: 'aws:cloudformation:stack', properties } };
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ version: '1', artifacts }));
  await writeFile(
    join(folder, 's.template.json'),
    JSON.stringify({ Resources: { Bucket: { Type: 'AWS::S3::Bucket', Properties: {} } } }),
  );
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Deploys a bucket that cannot be made for this reason. */
const failWith = (error: object) =>
  deployAssembly(folder, {
    dataDir: join(folder, 'data'),
    types: {
      'AWS::S3::Bucket': { create: () => Promise.reject(error), delete: async () => {} },
    },
  });

it('says of a disk or a stand-in that fails that it is no fault of the templates', async () => {
  const full = Object.assign(new Error('No space left on device.'), { $fault: 'server' });
  await expect(failWith(full)).rejects.toMatchObject({
    code: 'STORAGE',
    message:
      's/Bucket (AWS::S3::Bucket): No space left on device. Everything was put back as it was.',
  });
  const ofFile = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  await expect(failWith(ofFile)).rejects.toMatchObject({ code: 'STORAGE' });
  const refused = Object.assign(new Error('A name is missing.'), { $fault: 'client' });
  await expect(failWith(refused)).rejects.toMatchObject({ code: 'FILE_INVALID' });
});
