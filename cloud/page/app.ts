import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { messageOf } from '../../shared/core/index.js';
import { checkRequest } from './acknowledgements.js';
import { assetAt, contentSecurityPolicy, withPreloads } from './assets.js';
import type { FleetWatch } from './fleet-watch.js';
import { parseQuestion, parseSpan } from './question.js';
import type { Rooms } from './rooms.js';

/**
 * A page on another site may point its own host name at 127.0.0.1; the browser would then take this
 * server for that site's. Only requests that name this machine are answered.
 */
const LOCAL_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

/** What the asker has to mend; all else is the twin's or its state's. */
const WRONG_QUESTION = new Set(['USAGE', 'VARIABLE_UNKNOWN', 'VALUE_INVALID', 'CONFIG_INVALID']);

/** What an acknowledgement fails with. */
const ACKNOWLEDGE_STATUS: Readonly<Record<string, 400 | 403 | 404>> = {
  VALUE_INVALID: 400,
  ACCESS_DENIED: 403,
  NOT_FOUND: 404,
};

/** The routes: the page and its files, each machine's live events, model and state, and the fleet. */
export function createApp(parts: { rooms: Rooms; fleet: FleetWatch }): Hono {
  const { rooms, fleet } = parts;
  // Read once: the policy holds the digest of the very import map that is served.
  const html = assetAt('/index.html')?.body.toString('utf8') ?? '';
  const policy = contentSecurityPolicy(html);
  // So that a page need not ask before it asks for what it shows.
  const front = withPreloads(html).replace('<html ', `<html data-machines="${rooms.count}" `);
  const app = new Hono();

  app.use(async (c, next) => {
    if (!LOCAL_HOST.test(c.req.header('host') ?? '')) {
      return c.text('This page answers only to 127.0.0.1 and localhost.', 421);
    }
    await next();
    c.header('Content-Security-Policy', policy);
    c.header('X-Content-Type-Options', 'nosniff');
    c.header('Referrer-Policy', 'no-referrer');
    c.header('Cross-Origin-Opener-Policy', 'same-origin');
    c.header('Cross-Origin-Resource-Policy', 'same-origin');
  });

  app.get('/api/events', (c) => {
    const room = rooms.enter(c.req.query('asset'));
    if (room === undefined) return c.text('No such machine', 404);
    // Proxies between here and a browser must not hold events back.
    c.header('X-Accel-Buffering', 'no');
    return streamSSE(c, (stream) =>
      room.audience.join(
        (event, data) => stream.writeSSE({ event, data, retry: 1000 }),
        (leave) => stream.onAbort(leave),
      ),
    );
  });

  app.get('/api/state', (c) => {
    const room = rooms.enter(c.req.query('asset'));
    if (room === undefined) return c.text('No such machine', 404);
    c.header('Cache-Control', 'no-store');
    const snapshot = room.snapshot();
    return snapshot === undefined ? c.json({ error: 'starting' }, 503) : c.json(snapshot);
  });

  app.get('/api/history', async (c) => {
    const room = rooms.enter(c.req.query('asset'));
    if (room === undefined) return c.json({ error: 'No such machine' }, 404);
    c.header('Cache-Control', 'no-store');
    try {
      const { from, to, channels } = parseSpan(
        c.req.query('from'),
        c.req.query('to'),
        c.req.queries('channel'),
      );
      return c.json(await room.feed.span(from, to, channels));
    } catch (error) {
      const { code } = error as { code?: string };
      return c.json({ error: messageOf(error) }, WRONG_QUESTION.has(code ?? '') ? 400 : 503);
    }
  });

  app.get('/api/outlook', async (c) => {
    const room = rooms.enter(c.req.query('asset'));
    if (room === undefined) return c.text('No such machine', 404);
    c.header('Cache-Control', 'no-store');
    try {
      const question = parseQuestion(c.req.query());
      if (question === undefined) {
        const today = room.outlook.today();
        const { fault } = room.outlook.status();
        return today === undefined ? c.json({ error: fault ?? 'starting' }, 503) : c.json(today);
      }
      return c.json(await room.outlook.answer(question));
    } catch (error) {
      const { code } = error as { code?: string };
      return c.json({ error: messageOf(error) }, WRONG_QUESTION.has(code ?? '') ? 400 : 503);
    }
  });

  app.get('/api/plan', async (c) => {
    const room = rooms.enter(c.req.query('asset'));
    if (room === undefined) return c.text('No such machine', 404);
    c.header('Cache-Control', 'no-store');
    try {
      return c.json(await room.outlook.plan());
    } catch (error) {
      return c.json({ error: messageOf(error) }, 503);
    }
  });

  app.post('/api/acknowledge', async (c) => {
    // A page on another site can make a browser post, but neither as JSON nor under this origin.
    const origin = c.req.header('origin');
    const isForeign = origin !== undefined && origin !== `http://${c.req.header('host')}`;
    const isJson = (c.req.header('content-type') ?? '').startsWith('application/json');
    if (isForeign || !isJson) return c.json({ error: 'Only this page may acknowledge.' }, 403);
    const room = rooms.enter(c.req.query('asset'));
    if (room === undefined) return c.json({ error: 'No such machine' }, 404);
    try {
      const body: unknown = await c.req.json().catch(() => undefined);
      await room.feed.acknowledge(checkRequest(body));
      return c.json({ acknowledged: true });
    } catch (error) {
      const { code } = error as { code?: string };
      const status = ACKNOWLEDGE_STATUS[code ?? ''] ?? 503;
      return c.json({ error: messageOf(error) }, status);
    }
  });

  app.get('/api/fleet', async (c) => {
    c.header('Cache-Control', 'no-store');
    return c.json(await fleet.summary());
  });

  app.get('/machine.glb', async (c) => {
    const model = rooms.enter(c.req.query('asset'))?.model;
    if (model === undefined) return c.text('This machine has no layout', 404);
    return c.body(new Uint8Array(await model()), 200, {
      'Content-Type': 'model/gltf-binary',
      'Cache-Control': 'no-cache',
    });
  });

  app.get('/', (c) => {
    // Read while the browser loads the page.
    const asset = c.req.query('asset');
    if (asset === undefined && rooms.count !== 1) void fleet.summary();
    else rooms.enter(asset);
    c.header('Cache-Control', 'no-cache');
    return c.html(front);
  });

  app.get('*', (c) => {
    const asset = assetAt(c.req.path);
    if (asset === undefined) return c.text('Not found', 404);
    return c.body(new Uint8Array(asset.body), 200, {
      'Content-Type': asset.type,
      'Cache-Control': 'no-cache',
    });
  });
  return app;
}
