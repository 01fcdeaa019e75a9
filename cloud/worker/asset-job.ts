import type { CalibrationOptions } from '../../shared/config/index.js';
import type { Clock, Logger, TimeMap } from '../../shared/core/index.js';
import type { SiteWiseReader, SiteWiseWriter } from '../../shared/sitewise/index.js';
import type { ObjectStore } from '../../shared/store/index.js';
import type { Twin, TwinModel } from '../../shared/twin/index.js';
import type { CalibrationEngine } from './engine.js';

/** One asset with everything its run needs. */
export interface AssetJob {
  fleet: string;
  assetId: string;
  twinName: string;
  /** The twin with this asset's aliases. */
  twin: Twin;
  /** Opened when there is something to calibrate with it. */
  model: () => Promise<TwinModel>;
  options: CalibrationOptions;
  /** What the aliases of its gateway's ledger begin with. */
  gatewayLedger?: string | undefined;
  timeMap: TimeMap;
  runId: string;
}

/** What the run of an asset works with. */
export interface AssetDeps {
  store: ObjectStore;
  reader: SiteWiseReader;
  writer: SiteWiseWriter;
  engine: CalibrationEngine;
  clock: Clock;
  logger: Logger;
  /** Makes sure that the asset is there. @throws TwinError `NOT_FOUND` */
  discover(assetId: string, alias: string): Promise<void>;
  /** Whether the run's time is out. */
  overtime: () => boolean;
  /** Called after every sample. */
  onSample?: () => void;
}
