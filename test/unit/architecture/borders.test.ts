import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../../shared/core/index.js';

/** Who may import whom: each part and the parts that it may use, itself left out. */
const MAY_USE: Readonly<Record<string, readonly string[]>> = {
  'shared/core': [],
  'shared/config': ['shared/core'],
  'shared/plot': ['shared/core'],
  'shared/scene': ['shared/core', 'shared/config'],
  'shared/recordings': ['shared/core'],
  'shared/fmi': ['shared/core'],
  'shared/kalman': ['shared/core'],
  'shared/sitewise': ['shared/core'],
  'shared/store': ['shared/core'],
  'shared/twin': [
    'shared/core',
    'shared/config',
    'shared/fmi',
    'shared/kalman',
    'shared/plot',
    'shared/recordings',
    'shared/sitewise',
    'shared/store',
  ],
  'edge-component': ['shared/*'],
  cloud: ['shared/*'],
  simulators: ['shared/*'],
  cli: ['shared/*', 'edge-component', 'cloud', 'simulators'],
};

/** Folders with rooms, each of which uses only those before it. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  'shared/fmi': ['description', 'binding', 'solving', 'running', 'lanes'],
  'shared/twin/fit': [
    'record',
    'model',
    'unknowns',
    'least-squares',
    'residuals',
    'bands',
    'stated',
    'fitting',
    'search',
    'shape',
    'outputs',
    'disturbances',
    'wear',
    'input-noise',
    'unseen',
    'verdict',
    'commission',
    'handover',
    'views',
  ],
};

function sourcesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourcesBelow(path);
    return entry.name.endsWith('.ts') ? [relative(packageRoot, path)] : [];
  });
}

function partOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  return top === 'shared' ? `${top}/${second}` : top;
}

/** The project's own modules that a source imports, as paths from the root. */
function importsOf(path: string): string[] {
  const text = readFileSync(join(packageRoot, path), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) =>
    posix.join(dirname(path), match[1] ?? ''),
  );
}

const tops = ['shared', 'edge-component', 'cloud', 'simulators', 'cli'];
const sources = tops.flatMap((top) => sourcesBelow(join(packageRoot, top)));

describe('borders between the parts', () => {
  it('finds the sources', () => {
    expect(sources.length).toBeGreaterThan(300);
    expect(new Set(sources.map(partOf))).toEqual(
      new Set(Object.keys(MAY_USE).filter((part) => sources.some((s) => partOf(s) === part))),
    );
  });

  it('are crossed only in the direction of the architecture', () => {
    const crossings = sources.flatMap((source) => {
      const part = partOf(source);
      const allowed = MAY_USE[part] ?? [];
      return importsOf(source)
        .filter((target) => {
          const other = partOf(target);
          if (other === part) return false;
          if (other.startsWith('shared/') && allowed.includes('shared/*')) return false;
          return !allowed.includes(other);
        })
        .map((target) => `${source} imports ${target}`);
    });
    expect(crossings).toEqual([]);
  });

  it.each(Object.entries(ROOMS))('hold between the rooms of %s', (folder, rooms) => {
    const room = (path: string) => rooms.findIndex((r) => path.startsWith(`${folder}/${r}/`));
    const inside = sources.filter((source) => source.startsWith(`${folder}/`));
    const against = inside
      .filter((source) => room(source) >= 0)
      .flatMap((source) =>
        importsOf(source)
          .filter((target) => room(target) > room(source))
          .map((target) => `${source} imports ${target}`),
      );
    expect(against).toEqual([]);
    for (const r of rooms) expect(inside.some((s) => s.startsWith(`${folder}/${r}/`))).toBe(true);
  });

  it('leave no file of a fit outside its rooms', () => {
    const folder = 'shared/twin/fit';
    const outside = sources.filter(
      (s) => s.startsWith(`${folder}/`) && !ROOMS[folder]!.includes(s.split('/')[3]!),
    );
    expect(outside).toEqual([`${folder}/index.ts`]);
  });
});
