// Bundles the command line into dist/cli.js, one chunk per command in place of hundreds of modules, and
// the process that an FMU runs in into dist/fmu-lane.js.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Plain packages that starts would look for in many files: they go into the bundle. */
const BUNDLED = ['commander', 'fast-xml-parser', 'fastest-levenshtein', 'pure-rand', 'yauzl'];
const external = Object.keys(dependencies).filter((name) => !BUNDLED.includes(name));

const options = {
  outdir: dist,
  bundle: true,
  minifySyntax: true,
  minifyWhitespace: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: external.flatMap((name) => [name, `${name}/*`]),
  // Commander is CommonJS: it asks for Node's own modules by `require`.
  banner: {
    js: "import { createRequire as twinloopRequire } from 'node:module';const require = twinloopRequire(import.meta.url);",
  },
  chunkNames: 'cli-chunks/[name]-[hash]',
  sourcemap: true,
  metafile: true,
  logLevel: 'error',
  // Native code is loaded by who calls it, not by who could.
  plugins: [
    {
      name: 'koffi',
      setup({ onResolve }) {
        onResolve({ filter: /^koffi$/ }, ({ path }) => ({
          path,
          external: true,
          sideEffects: false,
        }));
      },
    },
  ],
};

const [{ metafile }] = await Promise.all([
  build({ ...options, splitting: true, entryPoints: { cli: join(dist, 'cli/main.js') } }),
  build({
    ...options,
    entryPoints: { 'fmu-lane': join(dist, 'shared/fmi/lanes/lane-process.js') },
  }),
]);

// Chunks of earlier builds.
const chunks = join(dist, 'cli-chunks');
const made = new Set(Object.keys(metafile.outputs).map((path) => join(process.cwd(), path)));
for (const name of readdirSync(chunks)) {
  if (!made.has(join(chunks, name))) rmSync(join(chunks, name));
}
