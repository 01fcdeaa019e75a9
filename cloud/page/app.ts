import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { assetAt, contentSecurityPolicy } from './assets.js';
import type { Audience } from './audience.js';
import type { Feed } from './feed.js';

/**
 * A page on another site may point its own host name at 127.0.0.1; the browser would then take this
 * server for that site's. Only requests that name this machine are answered.
 */
const LOCAL_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

/**
 * The monitor's routes: the page, its files, the machine's model, the live events, and the same as
 * one JSON document.
 *
 * @param parts.model makes the binary glTF of the machine; called once, when a page asks for it
 */
export function createApp(parts: {
  feed: Feed;
  audience: Audience;
  model: (() => Promise<Uint8Array>) | undefined;
}): Hono {
  const { feed, audience } = parts;
  let model: Promise<Uint8Array> | undefined;
  // Read once: the policy holds the digest of the very import map that is served.
  const index = assetAt('/');
  const policy = contentSecurityPolicy(index?.body.toString('utf8') ?? '');
  const app = new Hono();

  app.use(async (c, next) => {
    if (!LOCAL_HOST.test(c.req.header('host') ?? '')) {
      return c.text('This monitor answers only to 127.0.0.1 and localhost.', 421);
    }
    await next();
    c.header('Content-Security-Policy', policy);
    c.header('X-Content-Type-Options', 'nosniff');
    c.header('Referrer-Policy', 'no-referrer');
    c.header('Cross-Origin-Opener-Policy', 'same-origin');
    c.header('Cross-Origin-Resource-Policy', 'same-origin');
  });

  app.get('/api/events', (c) => {
    // Proxies between here and a browser must not hold events back.
    c.header('X-Accel-Buffering', 'no');
    return streamSSE(c, (stream) =>
      audience.join(
        (event, data) => stream.writeSSE({ event, data, retry: 1000 }),
        (leave) => stream.onAbort(leave),
      ),
    );
  });

  app.get('/api/state', (c) => {
    c.header('Cache-Control', 'no-store');
    const snapshot = feed.snapshot();
    return snapshot === undefined ? c.json({ error: 'starting' }, 503) : c.json(snapshot);
  });

  app.get('/machine.glb', async (c) => {
    model ??= parts.model?.();
    if (model === undefined) return c.text('This machine has no layout', 404);
    return c.body(new Uint8Array(await model), 200, {
      'Content-Type': 'model/gltf-binary',
      'Cache-Control': 'no-cache',
    });
  });

  app.get('*', (c) => {
    const asset = c.req.path === '/' ? index : assetAt(c.req.path);
    if (asset === undefined) return c.text('Not found', 404);
    return c.body(new Uint8Array(asset.body), 200, {
      'Content-Type': asset.type,
      'Cache-Control': 'no-cache',
    });
  });
  return app;
}
