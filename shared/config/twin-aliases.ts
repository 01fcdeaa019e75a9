import { aliasPrefix } from './streams.js';
import type { TwinDefinition } from './twin.js';

/**
 * The same twin on another asset: the prefix that its aliases share gives way to another one;
 * aliases outside of it (a stream that several assets share) stay.
 */
export function withAliasPrefix(twin: TwinDefinition, prefix: string): TwinDefinition {
  const old = aliasPrefix(twin);
  const moved = (alias: string) =>
    alias.startsWith(`${old}/`) ? prefix + alias.slice(old.length) : alias;
  const move = <T extends { alias?: string | undefined }>(stream: T): T =>
    stream.alias === undefined ? stream : { ...stream, alias: moved(stream.alias) };
  return {
    ...twin,
    inputs: twin.inputs.map(move),
    measured: twin.measured.map(move),
    parameters: twin.parameters.map(move),
    virtualSensors: twin.virtualSensors.map(move),
  };
}
