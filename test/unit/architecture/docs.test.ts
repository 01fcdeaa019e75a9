import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../../shared/core/index.js';

const SKIPPED = new Set([
  'node_modules',
  'dist',
  '.git',
  'cdk.out',
  'greengrass-build',
  '.twinloop',
]);

function pagesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return pagesBelow(path);
    return entry.name.endsWith('.md') ? [relative(packageRoot, path)] : [];
  });
}

/** Files of this project that a page names in code marks, e.g. `shared/fmi/index.ts`. */
const NAMED =
  /`((?:shared|edge-component|cloud|simulators|cli|test|scripts|recipes|docs)\/[\w./-]*\w\.(?:ts|mjs|c|json|md|yaml))`/g;
const LINKED = /\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g;

it.each(pagesBelow(packageRoot).filter((page) => page !== 'CHANGELOG.md'))(
  '%s names and links only what is there',
  (page) => {
    const text = readFileSync(join(packageRoot, page), 'utf8');
    const named = [...text.matchAll(NAMED)].map((m) => join(packageRoot, m[1] ?? ''));
    const linked = [...text.matchAll(LINKED)].map((m) =>
      join(packageRoot, dirname(page), decodeURI(m[1] ?? '')),
    );
    const missing = [...named, ...linked].filter((path) => !existsSync(path));
    expect(missing.map((path) => relative(packageRoot, path))).toEqual([]);
  },
);
