import {
  type CommandIo,
  nsToDate,
  readTimeMap,
  secondsToNs,
  systemClock,
  TwinError,
} from '../../core/index.js';
import { lookBackS } from '../refit/schedule.js';
import type { CalibratorState, Sample, Twin } from '../types.js';
import { alignStreams } from './align.js';
import { readBack } from './look-back.js';

/**
 * What SiteWise has of a twin's streams since a state's watermark, as samples. Nothing is written
 * back: that is the worker's part.
 *
 * @param args `endpoint`, `region`, `since` (epoch nanoseconds; default without a state: as far back as
 *   {@link readBack} reads), `timeMap` of the command
 * @throws TwinError `NOT_FOUND` where the asset or a measured stream is missing, `ACCESS_DENIED`,
 *   `THROTTLED`, `NETWORK`
 */
export async function readAsset(
  twin: Twin,
  alias: string,
  state: CalibratorState | undefined,
  args: Record<string, unknown>,
  io: CommandIo,
): Promise<Sample[]> {
  const { definition } = twin;
  // Loaded here: other commands need no AWS SDK.
  const { createSiteWiseClient, createSiteWiseReader, describeAssetByAlias } = await import(
    '../../sitewise/index.js'
  );
  const endpoint = (args.endpoint as string | undefined) ?? io.env.TWINLOOP_SITEWISE_ENDPOINT;
  const region =
    (args.region as string | undefined) ?? io.env.AWS_REGION ?? io.env.AWS_DEFAULT_REGION;
  const timeMap = await readTimeMap(args.timeMap as string | undefined);
  const client = createSiteWiseClient({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined || endpoint === '' ? {} : { endpoint }),
  });
  try {
    const asset = await describeAssetByAlias(client, alias);
    const there = new Set(asset.streams.map((s) => s.alias));
    const missing = definition.measured.filter((m) => !there.has(m.alias)).map((m) => m.alias);
    if (missing.length > 0) {
      throw new TwinError(
        'NOT_FOUND',
        `The asset ${asset.name} has no ${missing.join(', ')}: the twin measures them. Give the asset these aliases, or mend the twin definition.`,
      );
    }
    const reader = createSiteWiseReader({ client });
    const untilNs = systemClock.nowNs();
    const common = { missing: 'empty' as const, signal: io.signal };
    const measured = (afterNs: bigint, untilNs: bigint) =>
      reader.history({
        ...common,
        aliases: definition.measured.map((m) => m.alias),
        afterNs,
        untilNs,
        qualities: ['GOOD'],
      });
    const knownNs = state === undefined || state.timeNs === 0n ? undefined : state.timeNs;
    const asked = args.since as bigint | undefined;
    const startNs = knownNs ?? asked;
    const { streams, afterNs } =
      startNs === undefined
        ? await readBack(definition, measured, untilNs, timeMap)
        : { streams: await measured(startNs, untilNs), afterNs: startNs };
    const inputs = definition.inputs.flatMap((i) =>
      i.value === undefined && i.alias !== undefined ? [i.alias] : [],
    );
    if (inputs.length > 0) {
      // An input holds its last value: it may be older than the newest state.
      let heldAfterNs = asked ?? untilNs - secondsToNs(lookBackS(definition));
      if (afterNs < heldAfterNs) heldAfterNs = afterNs;
      const held = await reader.history({
        ...common,
        aliases: inputs,
        afterNs: heldAfterNs,
        untilNs,
        qualities: ['GOOD'],
      });
      for (const [name, values] of held) streams.set(name, values);
    }
    const { samples } = alignStreams({ definition, streams, afterNs, untilNs, timeMap });
    if (samples.length === 0) {
      io.logger.info('SiteWise has no newer values', { since: nsToDate(afterNs).toISOString() });
    } else if (startNs === undefined) {
      io.logger.info('No --since: read as far back as a first calibration needs', {
        since: nsToDate(afterNs).toISOString(),
        samples: samples.length,
      });
    }
    return samples;
  } finally {
    client.destroy();
  }
}
