/** What the monitor's server tells its page. Types only: both sides compile against them. */

/** How far a value may go. */
export interface Limit {
  above?: number | undefined;
  below?: number | undefined;
  /** What happens past it, in the words of the machine's people. */
  verb?: string | undefined;
  /** What comes of it, and what to do. */
  consequence?: string | undefined;
}

/** One thing that is shown: a stream of the twin, with its band where it has one. */
export interface Quantity {
  /** `<role>:<variable>`; its channel has the same name. */
  id: string;
  role: 'input' | 'measured' | 'parameter' | 'virtualSensor';
  variable: string;
  /** From its variable; in the words of the machine's people where `named`. */
  label: string;
  named: boolean;
  unit: string;
  alias: string;
  limit?: Limit | undefined;
  /** Channel of what the twin makes of a measured variable. */
  estimate?: string;
}

/** A part of the machine in the schematic. */
export interface LayoutComponent {
  id: string;
  kind: 'unwinder' | 'roller' | 'dancer' | 'nip' | 'winder';
  x: number;
  y: number;
  radiusM: number;
  web: 'over' | 'under';
  speed?: string | undefined;
  drag?: string | undefined;
  slip?: string | undefined;
}

/** Where the parts of the machine are. */
export interface Layout {
  components: readonly LayoutComponent[];
  spans: readonly { from: string; to: string; tension?: string | undefined }[];
}

/** A part of any machine, with the variables whose values stand in it. */
export interface PicturePart {
  id: string;
  kind:
    | 'box'
    | 'tank'
    | 'pump'
    | 'valve'
    | 'pipe'
    | 'heat-exchanger'
    | 'heater'
    | 'motor'
    | 'fan'
    | 'battery';
  label?: string | undefined;
  /** Column and row. */
  x?: number | undefined;
  y?: number | undefined;
  shows: readonly string[];
  level?: { variable: string; range: readonly [number, number] } | undefined;
  /** Drawn without a symbol. */
  plain?: boolean;
}

/** A machine as parts and what joins them. */
export interface PartsPicture {
  parts: readonly PicturePart[];
  links: readonly { from: string; to: string; shows?: string | undefined }[];
}

/** What a value does to an element of a drawing. */
export interface PictureBinding {
  element: string;
  variable: string;
  as: 'text' | 'colour' | 'level' | 'rotation';
  range?: readonly [number, number] | undefined;
  degrees: readonly [number, number];
  /** Of a model's node. */
  axis?: 'x' | 'y' | 'z' | undefined;
}

/** A drawing of one's own, as SVG text. */
export interface DrawnPicture {
  svg: string;
  bind: readonly PictureBinding[];
}

/** A model of one's own in space, which is at `/machine.glb`. */
export interface ModelPicture {
  model: true;
  bind: readonly PictureBinding[];
}

/** What does not change while the monitor runs. */
export interface Machine {
  name: string;
  quantities: readonly Quantity[];
  layout?: Layout | undefined;
  picture?: PartsPicture | DrawnPicture | ModelPicture | undefined;
  /** Whether its definition says what may be decided. */
  decides: boolean;
  /** Whether this page may acknowledge alarms. */
  acknowledges?: boolean;
  /** `machine`: x is the machine's time; `wall`: x is seconds since 1970. */
  axis: 'machine' | 'wall';
}

/**
 * One instant of a channel: x in seconds, value, and where there is one the 95 % band; `null` where
 * nothing usable is known. A row of an interval has its average and the band at its widest; that of a
 * sensor or input has its lowest and highest value in the band's place.
 */
export type Row = [x: number, value: number | null, lower: number | null, upper: number | null];

/** Something that a person should know. */
export interface Alarm {
  level: 'alarm' | 'warning' | 'note';
  code: string;
  subject: string;
  message: string;
  /** What it is called, and what it means to somebody who has to act on it. */
  title?: string;
  meaning?: string;
}

/** Who has seen an event, and what they say of it. */
export interface Acknowledgement {
  /** When, ms since 1970. */
  atMs: number;
  by: string;
  note: string;
}

/** An alarm of the calibration over the time that it stood. */
export interface PageEvent extends Alarm {
  /** The same in every browser: code, subject and beginning. */
  key: string;
  /** The first sample with it, seconds of the axis. */
  sinceX: number;
  /** The first sample without it; absent while it stands. */
  untilX?: number;
  /** The same on the wall's clock, ms since 1970. */
  sinceMs: number;
  untilMs?: number;
  /** The newest last; absent while nobody has. */
  acknowledged?: readonly Acknowledgement[];
}

/** How far what the twin says may be taken for the present. */
export interface Freshness {
  /**
   * `waiting`: nothing measured yet; `learning`: nothing calibrated yet; `live`; `silent`: no fresh
   * measurements; `behind`: measurements run ahead of the calibration; `unread`: SiteWise cannot be read.
   */
  state: 'waiting' | 'learning' | 'live' | 'silent' | 'behind' | 'unread';
  /** In a sentence, with what is kept and what to do. */
  text: string;
}

/** One run of the calibration. */
export interface CalibrationRun {
  startedAtMs: number;
  durationMs: number;
  ok: boolean;
  steps: number;
  meanNis?: number | undefined;
  message?: string | undefined;
}

/** What became of every reading and sample, over the life of the twin. */
export interface Account {
  /** Readings, and what became of them. */
  received: number;
  aligned: number;
  thinned: number;
  unusable: number;
  duplicate: number;
  lateUnused: number;
  /** Samples of readings that belong together, and what became of them. */
  samples: number;
  assimilated: number;
  skipped: number;
  quarantined: number;
  /** Readings that came behind the estimate and were taken in their place. */
  late: number;
  /** Readings whose value was changed after they had been used. */
  rewritten: number;
  /** When this was counted, wall milliseconds. */
  atMs: number;
}

/** What a row stands for: a value as it was written, or an interval with its average and its extremes. */
export type Resolution = 'raw' | '1m' | '15m' | '1h' | '1d';

/** A span that was read closely. */
export interface Detail {
  fromX: number;
  toX: number;
  resolution: Resolution;
  /** 1: every row; 2: every second one, and so on. */
  every: number;
  channels: Readonly<Record<string, readonly Row[]>>;
}

/** How things are right now. */
export interface Status {
  /** Server's wall time, milliseconds. */
  nowMs: number;
  /** When the newest measurement was taken; absent before the first. */
  measuredAtMs?: number;
  /** When the newest calibration result was dated. */
  calibratedAtMs?: number;
  /** Why SiteWise could not be read, when it could not. */
  fault?: string;
  machineTimeS?: number;
  timeScale?: number;
  edge?: { queueDepth: number; published: number; dropped: number; healthy: boolean };
  calibrations: readonly CalibrationRun[];
  /** Absent before the first run that counts. */
  account?: Account;
  /** Rows before `untilX` are of whole intervals; absent where all are as they were written. */
  past?: { untilX: number; resolution: Resolution };
  freshness: Freshness;
  /** How old values may be, seconds of the axis; absent where nothing says. */
  allowed?: { measuredS: number; calibratedS: number };
  alarms: readonly Alarm[];
  outlook: OutlookStatus;
  endpoints: Readonly<Record<string, string>>;
}

/** Whether a quantity may be acted on, and why it is not good. */
export interface QuantityVerdict {
  grade: 'good' | 'care' | 'unusable';
  reasons: readonly string[];
}

/** The newest run's verdicts by variable; one under no name holds for all. */
export type Verdicts = Readonly<Record<string, QuantityVerdict>>;

/** The first message of a connection, and whenever a page has fallen behind. */
export interface Snapshot {
  machine: Machine;
  channels: Record<string, Row[]>;
  /** The latest beginning first. */
  events: readonly PageEvent[];
  /** Absent before the first run, or where the page cannot read them. */
  verdicts?: Verdicts;
  status: Status;
}

/** What has come since the last message: rows to add, or to replace where x is known. */
export interface Update {
  channels: Record<string, Row[]>;
  /** All events, where any of them changed. */
  events?: readonly PageEvent[];
  /** All verdicts, where any of them changed. */
  verdicts?: Verdicts;
  status: Status;
}

/** What to know of one machine of a fleet. */
export interface AssetSummary {
  id: string;
  /** Name of its twin. */
  twin: string;
  freshness: Freshness;
  measuredAtMs?: number | undefined;
  calibratedAtMs?: number | undefined;
  /** How many of each stand. */
  alarms: number;
  warnings: number;
  /** The quantity nearest to its limit, or farthest beyond: share 1 is at the limit. */
  worst?: { label: string; unit: string; value: number; limit: number; share: number } | undefined;
  /** The parameter that differs most from those of machines with the same twin. */
  differs?: { label: string; unit: string; value: number; usual: number } | undefined;
}

/** What to know of a fleet. */
export interface FleetSummary {
  /** Server's wall time, milliseconds. */
  nowMs: number;
  /** Why SiteWise could not be read, when it could not. */
  fault?: string;
  assets: readonly AssetSummary[];
  /** How many machines there are. */
  of: number;
}

/** Whether the twin can be asked what will happen. */
export interface OutlookStatus {
  /** Rises with each new course of today; 0 before the first. */
  revision: number;
  /** Why the twin cannot be asked, or could not be the last time. */
  fault?: string | undefined;
}

/** What is to come for one quantity, by the times of {@link Outlook}; null bands are unknown. */
export interface OutlookSeries {
  median: readonly number[];
  /** Ends of the intervals of 50, 80 and 95 %. */
  bands: readonly (readonly [lower: readonly number[], upper: readonly number[]])[];
  /** With a limit: the probability of having passed it by each time … */
  passed?: readonly number[] | undefined;
  /** … and when, seconds after `fromX`: 10 %, 50 % and 90 % of the courses; null: later. */
  reachedS?: readonly [number | null, number | null, number | null] | undefined;
  /** Which parameters move it, the strongest first, by variable. */
  drivers?:
    | readonly { parameter: string; sinceNew: number; ahead: number; varianceShare: number }[]
    | undefined;
}

/** An input that may be tried. */
export interface OutlookInput {
  variable: string;
  label: string;
  unit: string;
  /** As assumed for these courses. */
  value: number;
  /** As it is, and where that comes from. */
  today: number;
  source:
    | 'the last measurement'
    | 'the last calibration'
    | 'the definition'
    | "the FMU's start value";
  lower: number;
  upper: number;
}

/** What the twin answers when it is asked what will happen. */
export interface Outlook {
  /** Time of the state from which the courses begin, seconds of the axis. */
  fromX: number;
  /** Times of the series, seconds of the axis, beginning with `fromX`. */
  x: readonly number[];
  inputs: readonly OutlookInput[];
  /** Parameters whose parts were taken as new. */
  renewed: readonly string[];
  /** By the id of the quantity. */
  series: Readonly<Record<string, OutlookSeries>>;
  /** Parameters whose wear has changed its pace, and may again. */
  changedPaces: readonly string[];
  courses: number;
  modelRuns: number;
  tookMs: number;
}

/** A way to go: settings, and perhaps a repair with settings after it. */
export interface PlanWay {
  inputs: Readonly<Record<string, number>>;
  maintenance?:
    | {
        name: string;
        resets: readonly string[];
        aheadS: number;
        takesS: number;
        costs: number;
        inputs: Readonly<Record<string, number>>;
      }
    | undefined;
  risk: number;
  riskByLimit: Readonly<Record<string, number>>;
  objective: { mean: number; lower95: number; upper95: number };
}

/** What `plan` found, as the page needs it. */
export interface PlanAnswer {
  horizonS: number;
  /** Risk that is allowed. */
  risk: number;
  objective: { sense: 'maximise' | 'minimise'; of: string; label: string; unit: string };
  feasible: boolean;
  plan: PlanWay;
  today: PlanWay;
  gain: { mean: number; lower95: number; upper95: number };
  riskCurves: Readonly<
    Record<string, readonly { value: number; risk: number; objective: number }[]>
  >;
  assumptions: readonly string[];
}
