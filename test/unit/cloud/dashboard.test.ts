import { expect, test } from 'vitest';
import { buildDashboard } from '../../../cloud/dashboards/dashboard.js';
import { loadConfig, twinSchema, twinStreams } from '../../../shared/config/index.js';
import { packageFile } from '../../../shared/core/index.js';

test('the dashboard of the example twin shows its streams, in batches the plugin can take', async () => {
  const twin = await loadConfig(twinSchema, packageFile('shared/twins/web-line/twin.json'), 'twin');
  const { panels } = buildDashboard(twin) as {
    panels: {
      id: number;
      gridPos: { x: number; y: number; w: number; h: number };
      targets?: { propertyAliases: string[] }[];
    }[];
  };
  const queries = panels.flatMap((p) => p.targets ?? []);
  for (const q of queries) expect(q.propertyAliases.length).toBeLessThanOrEqual(16);
  const shown = queries.flatMap((q) => q.propertyAliases).sort();
  const expected = twinStreams(twin)
    .filter((s) => s.role !== 'measured' || s.origin === 'machine')
    .map((s) => s.alias)
    .sort();
  expect(shown).toEqual(expected);
  expect(new Set(panels.map((p) => p.id)).size).toBe(panels.length);
  for (const [i, a] of panels.entries()) {
    for (const b of panels.slice(i + 1)) {
      const apart =
        a.gridPos.x + a.gridPos.w <= b.gridPos.x ||
        b.gridPos.x + b.gridPos.w <= a.gridPos.x ||
        a.gridPos.y + a.gridPos.h <= b.gridPos.y ||
        b.gridPos.y + b.gridPos.h <= a.gridPos.y;
      expect(apart).toBe(true);
    }
  }
});
