import { healthAliases, type TwinDefinition } from '../../shared/config/index.js';
import type { Quality, TqvValue } from '../../shared/core/index.js';
import type { Column } from './channel.js';

/** Where the values of one SiteWise stream go. */
export interface StreamTarget {
  alias: string;
  channel: string;
  column: Column;
  /** Measured by the machine, or computed by the calibration. */
  origin: 'machine' | 'twin';
}

/** Name of the channel with the calibration's NIS. */
const NIS_CHANNEL = 'health:nis';

/** Every numeric stream of a twin, and the channel and column that it fills. */
export function streamTargets(twin: TwinDefinition): StreamTarget[] {
  const targets: StreamTarget[] = [];
  const add = (alias: string, channel: string, column: Column, origin: StreamTarget['origin']) =>
    targets.push({ alias, channel, column, origin });
  const addBand = (alias: string, channel: string) => {
    add(`${alias}_lower`, channel, 'lower', 'twin');
    add(`${alias}_upper`, channel, 'upper', 'twin');
  };
  for (const s of twin.inputs) {
    if (s.alias !== undefined) add(s.alias, `input:${s.variable}`, 'value', 'machine');
  }
  for (const s of twin.measured) {
    add(s.alias, `measured:${s.variable}`, 'value', 'machine');
    add(`${s.alias}_estimate`, `estimate:${s.variable}`, 'value', 'twin');
    addBand(s.alias, `estimate:${s.variable}`);
  }
  for (const s of twin.parameters) {
    add(s.alias, `parameter:${s.variable}`, 'value', 'twin');
    addBand(s.alias, `parameter:${s.variable}`);
  }
  for (const s of twin.virtualSensors) {
    add(s.alias, `virtualSensor:${s.variable}`, 'value', 'twin');
    addBand(s.alias, `virtualSensor:${s.variable}`);
  }
  add(healthAliases(twin).nis, NIS_CHANNEL, 'value', 'twin');
  return targets;
}

/** A value that can be drawn; null for BAD ones, texts, and what is no finite number. */
export const usableNumber = (quality: Quality, value: TqvValue): number | null =>
  quality !== 'BAD' && typeof value === 'number' && Number.isFinite(value) ? value : null;
