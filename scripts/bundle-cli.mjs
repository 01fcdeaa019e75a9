// Bundles the command line into dist/cli.js: one chunk per command in place of hundreds of modules.
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

const { metafile } = await build({
  entryPoints: { cli: join(root, 'dist/cli/main.js') },
  outdir: dist,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  chunkNames: 'cli-chunks/[name]-[hash]',
  sourcemap: true,
  metafile: true,
  logLevel: 'error',
});

// Chunks of earlier builds.
const chunks = join(dist, 'cli-chunks');
const made = new Set(Object.keys(metafile.outputs).map((path) => join(process.cwd(), path)));
for (const name of readdirSync(chunks)) {
  if (!made.has(join(chunks, name))) rmSync(join(chunks, name));
}
