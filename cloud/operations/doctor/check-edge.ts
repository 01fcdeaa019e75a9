import { z } from 'zod';
import { messageOf } from '../../../shared/core/index.js';
import { type Check, duration, failed, ok, warning } from './check.js';

/** What the doctor looks at in an edge component's status; it has more. */
const statusSchema = z.object({
  healthy: z.boolean(),
  queueDepth: z.number(),
  oldestAgeS: z.number(),
  dropped: z.number(),
  published: z.number().optional(),
  component: z.object({ startedAt: z.string() }).optional(),
  outbox: z.object({ unreadable: z.number() }).optional(),
  /** What became of all values; components of before have none. */
  ledger: z
    .object({
      outbox: z.object({ stored: z.number(), accepted: z.number(), waiting: z.number() }),
      gaps: z.array(z.string()),
    })
    .optional(),
  deadLettered: z.record(z.string(), z.number()),
  publisher: z.object({ connected: z.boolean(), lastError: z.string().optional() }),
  sources: z.array(
    z.object({
      name: z.string(),
      state: z.string(),
      lastError: z.string().optional(),
      received: z.number().optional(),
      forwarded: z.number().optional(),
      overrun: z.number().optional(),
    }),
  ),
});

/** What a gateway says of itself. */
export type GatewayStatus = z.output<typeof statusSchema>;

const TIMEOUT_MS = 5_000;

/**
 * How an edge component is doing, by its own account.
 *
 * @param url of its status server
 * @param maxAgeS how long values may wait in its outbox
 */
export async function checkEdge(
  url: string,
  maxAgeS: number,
): Promise<{ checks: Check[]; status?: GatewayStatus }> {
  let status: z.output<typeof statusSchema>;
  try {
    const response = await fetch(new URL('/status', url), {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    status = statusSchema.parse(await response.json());
  } catch (error) {
    const remedy = 'Is the component running, and is this the address of its status server?';
    const found = `no status: ${messageOf(error).split('\n')[0]}`;
    return { checks: [failed('edge', url, found, remedy)] };
  }
  const checks: Check[] = [];
  for (const source of status.sources) {
    if (source.state === 'up') continue;
    const verdict = source.state === 'stopped' ? warning : failed;
    checks.push(
      verdict(
        'edge',
        source.name,
        `source is ${source.state}${source.lastError === undefined ? '' : `: ${source.lastError}`}`,
        'Check the device, its address and the way there.',
      ),
    );
  }
  const { publisher } = status;
  if (!publisher.connected) {
    checks.push(
      failed(
        'edge',
        'publisher',
        `not connected${publisher.lastError === undefined ? '' : `: ${publisher.lastError}`}`,
        'Check broker, login and certificate; values wait in the outbox meanwhile.',
      ),
    );
  }
  if (status.oldestAgeS > maxAgeS) {
    checks.push(
      failed(
        'edge',
        'outbox',
        `${status.queueDepth} values wait, the oldest for ${duration(status.oldestAgeS)}`,
        'It is sent once the publisher gets through; if not, see the gateway’s own log.',
      ),
    );
  }
  const dead = Object.values(status.deadLettered).reduce((sum, n) => sum + n, 0);
  if (dead > 0 || status.dropped > 0) {
    checks.push(
      warning(
        'edge',
        'outbox',
        `${dead} values were set aside, ${status.dropped} dropped`,
        'The dead letter files name the reasons; they are ready for a bulk import.',
      ),
    );
  }
  if (checks.every((c) => c.status !== 'failed')) {
    checks.unshift(
      status.healthy
        ? ok('edge', url, `healthy; ${status.queueDepth} values wait`)
        : failed('edge', url, 'says that it is not healthy', 'See `twinloop edge status`.'),
    );
  }
  return { checks, status };
}
