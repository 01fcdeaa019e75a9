// Assembles the folder that the worker's image runs (cloud/worker/Dockerfile), and tells its size.
//
//   node scripts/build-worker.mjs [--output dist/worker-image] [--arch x64|arm64]
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readArguments } from './arguments.mjs';
import { bundleInto, filesBelow, root } from './bundle.mjs';

const { values: options } = readArguments(
  'npm run build:worker -- [--output FOLDER] [--arch x64|arm64]',
  {
    output: { type: 'string', default: join(root, 'dist/worker-image') },
    arch: { type: 'string', default: 'x64' },
  },
);
const target = resolve(options.output);
rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
await bundleInto(target, {
  arch: options.arch,
  entryPoints: {
    'cloud/worker/main': 'cloud/worker/main.ts',
    'dist/fmu-lane': 'shared/fmi/lanes/lane-process.ts',
  },
  native: ['lmdb', 'koffi'],
});
const bytes = filesBelow(target).reduce((sum, file) => sum + statSync(join(target, file)).size, 0);
console.log(
  JSON.stringify({
    folder: target,
    megabytes: Number((bytes / 1e6).toFixed(1)),
    nodeMegabytes: Number((statSync(process.execPath).size / 1e6).toFixed(1)),
  }),
);
