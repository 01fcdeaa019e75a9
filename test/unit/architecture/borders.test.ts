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

/** The rooms of the importer, each of which uses only those before it. */
const FMI_ROOMS = ['description', 'binding', 'solving', 'running', 'lanes'] as const;

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

  it('hold inside the importer: description, binding, solving, running, lanes', () => {
    const room = (path: string) => FMI_ROOMS.findIndex((r) => path.startsWith(`shared/fmi/${r}/`));
    const against = sources
      .filter((source) => room(source) >= 0)
      .flatMap((source) =>
        importsOf(source)
          .filter((target) => room(target) > room(source))
          .map((target) => `${source} imports ${target}`),
      );
    expect(against).toEqual([]);
  });
});
