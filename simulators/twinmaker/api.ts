import * as sdk from '@aws-sdk/client-iottwinmaker';
import { ApiFault } from '../sitewise/api/faults.js';
import type { ApiLimits, Limit } from '../sitewise/api/limits.js';
import { readOperations } from '../sitewise/api/schema.js';

type CommandName = Extract<keyof typeof sdk, `${string}Command`>;
/** The names of the API's operations. */
export type TwinMakerOperation = CommandName extends `${infer Name}Command` ? Name : never;

/** Answers one operation; the input is already checked against shape and limits. */
export type TwinMakerHandler = (input: never) => object | undefined | Promise<object | undefined>;
export type TwinMakerHandlers = Partial<Record<TwinMakerOperation, TwinMakerHandler>>;

/** Every operation of the API of IoT TwinMaker, by name. */
export const OPERATIONS = readOperations<TwinMakerOperation>(sdk);

const ID_SOURCE = '[a-zA-Z_0-9][a-zA-Z_\\-0-9]*[a-zA-Z0-9]+';
const UUID_SOURCE = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const ENTITY_SOURCE = `${UUID_SOURCE}|[a-zA-Z0-9][a-zA-Z_\\-0-9.:]*[a-zA-Z0-9]+`;
const ARN_SOURCE =
  'arn:(?:aws|aws-cn|aws-us-gov):iottwinmaker:[a-z0-9-]+:[0-9]{12}:[/a-zA-Z0-9_.:-]+';
const whole = (source: string) => new RegExp(`^(?:${source})$`);

const id: Limit = { min: 1, max: 128, pattern: whole(ID_SOURCE) };
const entityId: Limit = { min: 1, max: 128, pattern: whole(ENTITY_SOURCE) };
/** Of components and properties. */
const name: Limit = { min: 1, max: 256, pattern: /^[a-zA-Z_\-0-9]+$/ };
const componentTypeId: Limit = { min: 1, max: 256, pattern: /^[a-zA-Z_.\-0-9:]+$/ };
const arn: Limit = { min: 20, max: 2048, pattern: whole(ARN_SOURCE) };
const time: Limit = { min: 20, max: 35 };
const oneOf = (values: Record<string, string>): Limit => ({ values: Object.values(values) });

/** By member name, wherever it occurs and nothing below says otherwise. */
const MEMBERS: Readonly<Record<string, Limit>> = {
  allowedValues: { max: 50 },
  capabilities: { max: 50 },
  componentName: name,
  componentPath: { min: 1, max: 2048, pattern: /^[a-zA-Z_\-0-9/]+$/ },
  componentTypeId,
  componentTypeName: { max: 256 },
  contentLocation: { max: 256, pattern: /^[sS]3:\/\/[A-Za-z0-9._/-]+$/ },
  description: { max: 2048 },
  displayName: { max: 256 },
  endTime: time,
  entityId,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it forbids
  entityName: { min: 1, max: 256, pattern: /^[^\u0000-\u001F\u007F]+$/ },
  externalId: { min: 1, max: 256 },
  groupType: oneOf(sdk.GroupType),
  listValue: { max: 50 },
  mapValue: { max: 50 },
  maxResults: { min: 0, max: 200 },
  nextToken: { max: 17_880 },
  orderByTime: oneOf(sdk.OrderByTime),
  parentEntityId: { min: 1, max: 128, pattern: whole(`\\$ROOT|${ENTITY_SOURCE}`) },
  propertyFilters: { min: 1, max: 10 },
  propertyGroupName: name,
  resourceARN: arn,
  role: {
    min: 20,
    max: 2048,
    pattern: /^arn:(?:aws|aws-cn|aws-us-gov):iam::[0-9]{12}:role\/.*$/,
  },
  s3Location: {
    max: 1024,
    pattern: /^arn:(?:aws|aws-cn|aws-us-gov):s3:::[a-zA-Z0-9_-]+$/,
  },
  sceneId: id,
  sceneMetadata: { max: 50 },
  scope: oneOf(sdk.Scope),
  selectedProperties: { min: 1, max: 10 },
  startTime: time,
  stringValue: { min: 1, max: 256 },
  tagKeys: { max: 50 },
  tags: { max: 50 },
  type: oneOf(sdk.Type),
  workspaceId: id,
};

/** By structure and member, where a name means something of its own there. */
const STRUCTURES: Readonly<Record<string, Readonly<Record<string, Limit>>>> = {
  GetWorkspaceRequest: {
    workspaceId: { min: 1, max: 2048, pattern: whole(`${ID_SOURCE}|${ARN_SOURCE}`) },
  },
  ComponentUpdateRequest: { updateType: oneOf(sdk.ComponentUpdateType) },
  ParentEntityUpdateRequest: { updateType: oneOf(sdk.ParentEntityUpdateType) },
  PropertyRequest: { updateType: oneOf(sdk.PropertyUpdateType) },
};

const ITEMS: Readonly<Record<string, Limit>> = {
  extendsFrom: componentTypeId,
  selectedProperties: { min: 1, max: 256 },
  tagKeys: { min: 1, max: 128 },
};

const MAPS: Readonly<Record<string, { key?: Limit; value?: Limit }>> = {
  components: { key: name },
  componentUpdates: { key: name },
  properties: { key: name },
  propertyDefinitions: { key: name },
  propertyUpdates: { key: name },
  tags: { key: { min: 1, max: 128 }, value: { min: 0, max: 256 } },
};

/**
 * Lengths, patterns and maxima of what the implemented operations take.
 *
 * @see https://docs.aws.amazon.com/iot-twinmaker/latest/apireference/API_Operations.html
 */
export const TWINMAKER_LIMITS: ApiLimits = {
  of: (structure, member) => STRUCTURES[structure]?.[member] ?? MEMBERS[member],
  ofItem: (list) => ITEMS[list],
  ofMap: (map) => MAPS[map],
};

/** A request that breaks the API's rules. */
export const invalid = (message: string) => new ApiFault('ValidationException', message);
export const conflict = (message: string) => new ApiFault('ConflictException', message);
export const missing = (what: string) =>
  new ApiFault('ResourceNotFoundException', `${what} was not found.`);

/** Refuses what is asked beyond what is here, rather than answer something else. */
export function refuseMembers(input: object, members: readonly string[]): void {
  const found = members.filter((m) => (input as Record<string, unknown>)[m] !== undefined);
  if (found.length === 0) return;
  throw new ApiFault(
    'NotImplementedException',
    `This stand-in for IoT TwinMaker does not offer ${found.join(', ')} here.`,
  );
}
