import { type Logger, messageOf, secondsToNs } from '../../shared/core/index.js';
import type { SiteWiseReader } from '../../shared/sitewise/index.js';

/** What a gateway says that it holds back. */
export interface GatewayBacklog {
  /** Values in its outbox. */
  values: number;
  /** How long the oldest of them has waited, seconds. */
  oldestS: number;
}

/**
 * What a gateway's ledger says of its backlog: readings that are due, and will come late.
 *
 * @param prefix what the ledger's aliases begin with
 * @param options.settleS what waits no longer than this arrives in time
 * @param options.lateWindowS what the gateway said before is forgotten
 * @returns undefined where nothing is late, or the ledger could not be read, which is logged
 */
export async function readGatewayBacklog(
  reader: Pick<SiteWiseReader, 'latest'>,
  prefix: string,
  options: { settleS: number; lateWindowS: number; nowNs: bigint },
  logger: Logger,
  signal: AbortSignal,
): Promise<GatewayBacklog | undefined> {
  const aliases = [`${prefix}/waiting`, `${prefix}/oldest-waiting-s`] as const;
  try {
    const latest = await reader.latest(aliases, signal);
    const [waiting, oldest] = aliases.map((alias) => latest.get(alias));
    if (waiting === undefined || oldest === undefined) {
      logger.warn('The gateway publishes no ledger', { gatewayLedger: prefix });
      return undefined;
    }
    const recent = options.nowNs - oldest.timeNs <= secondsToNs(options.lateWindowS);
    const [values, oldestS] = [Number(waiting.value), Number(oldest.value)];
    return recent && values > 0 && oldestS > options.settleS ? { values, oldestS } : undefined;
  } catch (error) {
    signal.throwIfAborted();
    logger.warn('The ledger of the gateway could not be read', {
      gatewayLedger: prefix,
      error: messageOf(error),
    });
    return undefined;
  }
}
