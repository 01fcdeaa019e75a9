import type { Limit } from './protocol.js';

/** What a chart draws: channels of the store. */
export interface ChartContent {
  /** Its band and line; `isRange`: the band is of lowest and highest values. */
  main: { channel: string; label: string; isRange?: boolean };
  /** A line of dots: what the sensor said. */
  sensor?: { channel: string; label: string } | undefined;
  /** A dashed line: what the simulator knows. */
  truth?: string | undefined;
  unit: string;
  limit?: Limit | undefined;
  axis: 'machine' | 'wall';
  /** `full` has axes with labels and a readout; `small` is for comparing at a glance. */
  size: 'full' | 'small';
  heightPx: number;
  /** Variable whose events are marked. */
  subject?: string | undefined;
  /** The quantity whose expected course is drawn too: to now, and on where the future is shown. */
  ahead?: string | undefined;
  showsFuture?: boolean;
  /** The vertical range stays at zero or above. */
  fromZero?: boolean;
}
