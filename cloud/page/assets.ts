import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { packageFile } from '../../shared/core/index.js';

/** A file that the page may ask for. */
export interface Asset {
  type: string;
  body: Buffer;
}

const PAGE = 'cloud/page/browser';
/** Where scripts/bundle-page.mjs puts the page's modules as one, and what is loaded when it is asked for. */
const BUNDLE = 'dist/cloud/page/bundle';
const JS = 'text/javascript; charset=utf-8';
const CSS = 'text/css; charset=utf-8';

/** Files by the path they are served at: a fixed list, so no path can reach another file. */
const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/index.html': [`${PAGE}/index.html`, 'text/html; charset=utf-8'],
  '/page.css': [`${PAGE}/page.css`, CSS],
  '/favicon.svg': [`${PAGE}/favicon.svg`, 'image/svg+xml'],
  '/vendor/uplot.css': ['node_modules/uplot/dist/uPlot.min.css', CSS],
  '/vendor/three.module.js': ['node_modules/three/build/three.module.js', JS],
  '/vendor/three.core.js': ['node_modules/three/build/three.core.js', JS],
  ...Object.fromEntries(
    [
      'controls/OrbitControls.js',
      'loaders/GLTFLoader.js',
      'utils/BufferGeometryUtils.js',
      'utils/SkeletonUtils.js',
    ].map((file) => [
      `/vendor/three-addons/${file}`,
      [`node_modules/three/examples/jsm/${file}`, JS] as const,
    ]),
  ),
};

/** The page's own code. */
const MODULE = /^\/page\/([A-Za-z0-9-]+)\.js$/;

/**
 * The file served at a path, or undefined.
 *
 * @throws if the package lacks one of its own files
 */
export function assetAt(path: string): Asset | undefined {
  const listed = FILES[path];
  if (listed !== undefined) {
    return { type: listed[1], body: readFileSync(packageFile(listed[0])) };
  }
  const name = MODULE.exec(path)?.[1];
  if (name === undefined) return undefined;
  try {
    return { type: JS, body: readFileSync(packageFile(`${BUNDLE}/${name}.js`)) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The page with its bundle's parts named in its head, so that a browser asks for them beside the bundle and
 * not after it. They stand behind the import map, which must come before any module.
 */
export function withPreloads(html: string): string {
  const bundle = assetAt('/page/page.js')?.body.toString('utf8') ?? '';
  // Static imports only: what is loaded on demand is not for the first paint.
  const parts = [...bundle.matchAll(/(?:from|import)"\.\/([A-Za-z0-9-]+\.js)"/g)].map((m) => m[1]);
  const links = [...new Set(parts)].map((p) => `<link rel="modulepreload" href="/page/${p}">`);
  return html.replace('<script type="module"', `${links.join('')}<script type="module"`);
}

/**
 * The policy that browsers enforce on the page: nothing but its own files and its import map, which
 * stands in index.html and is allowed by its digest.
 */
export function contentSecurityPolicy(html: string): string {
  const importMap = /<script type="importmap">([\s\S]*?)<\/script>/.exec(html)?.[1] ?? '';
  const digest = createHash('sha256').update(importMap).digest('base64');
  return [
    "default-src 'none'",
    `script-src 'self' 'sha256-${digest}'`,
    "style-src 'self'",
    // Textures of a model in space are in the model itself: the page hands them on as blobs.
    "img-src 'self' blob:",
    "connect-src 'self' blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
