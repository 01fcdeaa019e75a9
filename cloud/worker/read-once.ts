import { secondsToNs, type Tqv } from '../../shared/core/index.js';
import type { SiteWiseReader } from '../../shared/sitewise/index.js';

interface Kept {
  key: string;
  afterNs: bigint;
  untilNs: bigint;
  streams: Map<string, Tqv[]>;
}

/**
 * A reader for one run of an asset that reads on to where the run ends, so that the look behind the
 * watermark and the samples after it take one request, and answers from what it has read.
 *
 * @param options.untilNs where the run ends
 * @param options.spanS reads on only where the whole then spans no more than this, seconds
 * @param options.onValues called with how many values SiteWise has given
 */
export function createReadOnce(
  reader: SiteWiseReader,
  options: { untilNs: bigint; spanS: number; onValues: (count: number) => void },
): SiteWiseReader {
  const { untilNs: limitNs } = options;
  const spanNs = secondsToNs(options.spanS);
  let kept: Kept | undefined;
  return {
    ...reader,
    history: async (request) => {
      const { aliases, afterNs, untilNs, qualities, newest } = request;
      const key = `${aliases.join('\n')}\n${qualities?.join() ?? ''}`;
      const has = kept?.key === key && kept.afterNs <= afterNs && kept.untilNs >= untilNs;
      if (newest === true || !has) {
        const further = newest !== true && untilNs < limitNs && limitNs - afterNs <= spanNs;
        const endNs = further ? limitNs : untilNs;
        const streams = await reader.history({ ...request, untilNs: endNs });
        let count = 0;
        for (const values of streams.values()) count += values.length;
        options.onValues(count);
        if (newest === true || !further) return streams;
        kept = { key, afterNs, untilNs: endNs, streams };
      }
      return new Map(
        [...(kept?.streams ?? [])].map(([alias, values]) => [
          alias,
          values.filter((t) => t.timeNs > afterNs && t.timeNs <= untilNs),
        ]),
      );
    },
  };
}
