// Bundles the operator's page, once compiled, into dist/cloud/page/bundle: one file where a browser would ask
// for some fifty, each found in the one before. three.js stays apart: few look at the machine in 3-D.
import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const dist = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist');
const outdir = join(dist, 'cloud/page/bundle');

const { metafile } = await build({
  entryPoints: { page: join(dist, 'cloud/page/browser/page.js') },
  outdir,
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  external: ['three', 'three/addons/*'],
  chunkNames: '[name]-[hash]',
  sourcemap: true,
  metafile: true,
  logLevel: 'error',
});

// Chunks of earlier builds.
const made = new Set(Object.keys(metafile.outputs).map((path) => basename(path)));
for (const name of readdirSync(outdir)) {
  if (!made.has(name)) rmSync(join(outdir, name));
}
