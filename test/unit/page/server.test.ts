import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { type Page, startPage } from '../../../cloud/page/index.js';
import { systemClock } from '../../../shared/core/index.js';
import { GrowingDrag, lineTwin } from './growing-drag.js';

const opened: Page[] = [];
afterEach(async () => {
  for (const monitor of opened.splice(0)) await monitor.close();
});

async function start(port = 0, withLayout = true): Promise<Page> {
  const machine = new GrowingDrag(lineTwin(withLayout));
  machine.fill(10, systemClock.nowNs());
  const page = await startPage({
    port,
    siteWise: machine,
    assets: [{ id: 'line1', twin: machine.twin, status: async () => machine.status() }],
    pace: { pollIntervalMs: 20 },
  });
  opened.push(page);
  return page;
}

/** The status of a request whose Host header is not the address it goes to. */
function statusWithHost(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

describe('the monitor’s server', () => {
  it('serves the page under a policy that lets nothing else in', async () => {
    const { url } = await start();
    const response = await fetch(url);
    expect(response.status).toBe(200);
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    for (const path of ['page/page.js', 'page.css', 'vendor/uplot.css', 'favicon.svg']) {
      const file = await fetch(url + path);
      expect([path, file.status]).toEqual([path, 200]);
      await file.arrayBuffer();
    }
    // All that the bundle imports at once is asked for beside it, and is there.
    const html = await response.text();
    const bundle = await (await fetch(`${url}page/page.js`)).text();
    const parts = [...bundle.matchAll(/from"\.(\/[\w-]+\.js)"/g)].map((m) => `/page${m[1]}`);
    const preloads = [...html.matchAll(/rel="modulepreload" href="([^"]+)"/g)].map((m) => m[1]);
    expect(parts.length).toBeGreaterThan(0);
    expect(preloads.toSorted()).toEqual([...new Set(parts)].toSorted());
    for (const path of preloads) expect((await fetch(new URL(path ?? '', url))).status).toBe(200);
  });

  it('serves the machine in space as glTF, where there is a layout', async () => {
    const { url } = await start();
    const response = await fetch(`${url}machine.glb`);
    expect(response.headers.get('content-type')).toBe('model/gltf-binary');
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(bytes.subarray(0, 4).toString()).toBe('glTF');
    const { url: flat } = await start(0, false);
    expect((await fetch(`${flat}machine.glb`)).status).toBe(404);
  });

  it('gives no other file away', async () => {
    const { url } = await start();
    for (const path of ['package.json', 'page/..%2f..%2fpackage.json', 'page/none.js', 'vendor/']) {
      expect([path, (await fetch(url + path)).status]).toEqual([path, 404]);
    }
  });

  it('answers only to names of this machine', async () => {
    const { url } = await start();
    const { port } = new URL(url);
    expect(await statusWithHost(`${url}api/state`, `rebound.example:${port}`)).toBe(421);
    expect(await statusWithHost(url, `localhost:${port}`)).toBe(200);
  });

  it('sends a snapshot, then updates, as server-sent events', async () => {
    const { url } = await start();
    const response = await fetch(`${url}api/events`);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.includes('event: update')) break;
    }
    expect(text.indexOf('event: snapshot')).toBeGreaterThanOrEqual(0);
    expect(text.indexOf('event: snapshot')).toBeLessThan(text.indexOf('event: update'));
  });

  it('says when its port is taken', async () => {
    const { url } = await start();
    await expect(start(Number(new URL(url).port))).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  });
});
