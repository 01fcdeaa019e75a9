import { aliasPrefix, withAliasPrefix } from '../../config/index.js';
import { TwinError } from '../../core/index.js';
import { keySegment } from '../../store/index.js';
import type { Twin } from '../types.js';
import { loadTwin } from './twin.js';

/** A twin on one asset, and the key that the asset's states are kept under. */
export interface AssetTwin {
  twin: Twin;
  asset: string;
}

/**
 * The twin with the aliases of the asset that a stream belongs to: what the definition's aliases
 * have in common gives way to what the stream begins with.
 *
 * @param alias of any of the asset's streams, e.g. `/line2/roller1/w`
 * @throws TwinError `NOT_FOUND` when no stream of the twin ends like it
 */
export function twinOfAsset(twin: Twin, alias: string): AssetTwin {
  const { definition } = twin;
  const own = aliasPrefix(definition);
  const known = [
    ...definition.inputs,
    ...definition.measured,
    ...definition.parameters,
    ...definition.virtualSensors,
  ].flatMap((s) => (s.alias?.startsWith(`${own}/`) ? [s.alias.slice(own.length)] : []));
  const tail = known.find((t) => alias.endsWith(t));
  if (tail === undefined) {
    throw new TwinError(
      'NOT_FOUND',
      `--asset is "${alias}": expected the alias of one of the twin's streams on that asset, ending in ${known.slice(0, 3).join(', ')} …`,
    );
  }
  const prefix = alias.slice(0, alias.length - tail.length);
  if (prefix === own) return { twin, asset: definition.name };
  return {
    twin: { ...twin, definition: withAliasPrefix(definition, prefix) },
    asset: keySegment(`${definition.name}@${prefix}`),
  };
}

/**
 * The twin that a command was called with, on the asset that it names.
 *
 * @param args `twin`, and `asset` where one is given
 * @throws TwinError as {@link loadTwin} and {@link twinOfAsset}
 */
export async function loadAssetTwin(args: Record<string, unknown>): Promise<AssetTwin> {
  const twin = await loadTwin(String(args.twin));
  return typeof args.asset === 'string'
    ? twinOfAsset(twin, args.asset)
    : { twin, asset: twin.definition.name };
}
