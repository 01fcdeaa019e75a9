/** Switches that make the gateway fail in the ways that gateways do; all may change at any time. */
export interface EdgeFaults {
  /** Refuses connections, and cuts those there are. */
  refuse: boolean;
  /** Acknowledges publications this late, milliseconds. */
  delayMs: number;
  /** Share of publications that are stored but never acknowledged. */
  dropAcks: number;
  /** Share of publications that are acknowledged but not stored: data are lost. */
  forget: number;
  /** Share of values that the publisher believes SiteWise failed to take, and sends again. */
  partialErrors: number;
  /** Values a second that the publisher sends at most; 0 is no limit. */
  throttleValuesPerS: number;
  /** Sends batches in random order rather than oldest first. */
  reorder: boolean;
}

/** Everything in order. */
export const NO_FAULTS: Readonly<EdgeFaults> = {
  refuse: false,
  delayMs: 0,
  dropAcks: 0,
  forget: 0,
  partialErrors: 0,
  throttleValuesPerS: 0,
  reorder: false,
};
