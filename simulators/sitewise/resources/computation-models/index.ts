import { randomUUID } from 'node:crypto';
import type * as sdk from '@aws-sdk/client-iotsitewise';
import { alreadyExists, invalidRequest, notFound } from '../../api/faults.js';
import type { Handlers } from '../../api/handler.js';
import { paginate } from '../../api/pagination.js';
import type { Account } from '../account.js';
import { saveTags } from '../tags.js';
import { INFERENCE, TRAINING } from './action-payload.js';
import { actionHandlers } from './actions.js';
import {
  type BoundProperty,
  boundProperties,
  checkDataBinding,
  keyOf,
  matchesFilter,
} from './data-binding.js';
import {
  allComputationModels,
  arnOf,
  type ComputationModelRecord,
  requireActiveComputationModel,
  requireComputationModel,
} from './records.js';

/** What a new or changed computation model is given. */
interface Definition {
  computationModelName: string | undefined;
  computationModelConfiguration: sdk.ComputationModelConfiguration | undefined;
  computationModelDataBinding: Record<string, sdk.ComputationModelDataBindingValue> | undefined;
  computationModelDescription?: string | undefined;
}

/** Operations on computation models, kept and described; see {@link actionHandlers} for their runs. */
export function computationModelHandlers(account: Account): Handlers {
  function toFields(input: Definition, except?: string) {
    const name = input.computationModelName ?? '';
    const taken = allComputationModels(account).find((m) => m.name === name && m.id !== except);
    if (taken !== undefined) {
      const arn = arnOf(account, taken.id);
      throw alreadyExists(`A computation model named ${name} already exists.`, taken.id, arn);
    }
    const configuration = input.computationModelConfiguration ?? {};
    const dataBinding = input.computationModelDataBinding ?? {};
    checkDataBinding(account, configuration, dataBinding);
    return { name, description: input.computationModelDescription, configuration, dataBinding };
  }
  const common = (model: ComputationModelRecord) => ({
    creationDate: new Date(model.createdAtMs),
    lastUpdateDate: new Date(model.updatedAtMs),
    status: { state: model.status.state },
    version: String(model.version),
  });

  return {
    ...actionHandlers(account),

    CreateComputationModel(input: sdk.CreateComputationModelRequest) {
      const id = randomUUID();
      const now = account.nowMs();
      const model: ComputationModelRecord = {
        ...toFields(input as Definition),
        id,
        actionDefinitions: [TRAINING, INFERENCE].map((actionType) => ({
          actionDefinitionId: randomUUID(),
          actionName: actionType,
          actionType,
        })),
        createdAtMs: now,
        updatedAtMs: now,
        version: 1,
        status: account.pending('CREATING'),
      };
      saveTags(account, arnOf(account, id), input.tags);
      account.computationModels.set(id, model);
      return {
        computationModelId: id,
        computationModelArn: arnOf(account, id),
        computationModelStatus: { state: 'CREATING' },
      };
    },

    DescribeComputationModel: (input: sdk.DescribeComputationModelRequest) => {
      const model = requireComputationModel(account, input.computationModelId);
      const { computationModelVersion: asked = 'LATEST' } = input;
      if (!['LATEST', 'ACTIVE', String(model.version)].includes(asked)) {
        throw notFound('Version', `${asked} of computation model ${model.id}`);
      }
      const { creationDate, lastUpdateDate, status, version } = common(model);
      return {
        computationModelId: model.id,
        computationModelArn: arnOf(account, model.id),
        computationModelName: model.name,
        computationModelDescription: model.description,
        computationModelConfiguration: model.configuration,
        computationModelDataBinding: model.dataBinding,
        computationModelCreationDate: creationDate,
        computationModelLastUpdateDate: lastUpdateDate,
        computationModelStatus: status,
        computationModelVersion: version,
        actionDefinitions: model.actionDefinitions,
      };
    },

    UpdateComputationModel(input: sdk.UpdateComputationModelRequest) {
      const model = requireActiveComputationModel(account, input.computationModelId);
      account.computationModels.set(model.id, {
        ...model,
        ...toFields(input as Definition, model.id),
        updatedAtMs: account.nowMs(),
        version: model.version + 1,
        status: account.pending('UPDATING'),
      });
      return { computationModelStatus: { state: 'UPDATING' } };
    },

    DeleteComputationModel(input: sdk.DeleteComputationModelRequest) {
      const model = requireActiveComputationModel(account, input.computationModelId);
      const status = account.pending('DELETING');
      account.computationModels.set(model.id, { ...model, status });
      return { computationModelStatus: { state: 'DELETING' } };
    },

    ListComputationModels: (input: sdk.ListComputationModelsRequest) => {
      // All are of the one type that there is.
      const models = allComputationModels(account);
      const { page, ...rest } = paginate('ListComputationModels', models, (m) => m.id, input);
      return {
        ...rest,
        computationModelSummaries: page.map((model) => ({
          id: model.id,
          arn: arnOf(account, model.id),
          name: model.name,
          description: model.description,
          type: 'ANOMALY_DETECTION',
          ...common(model),
        })),
      };
    },

    ListComputationModelDataBindingUsages: (
      input: sdk.ListComputationModelDataBindingUsagesRequest,
    ) => {
      const filter = input.dataBindingValueFilter ?? {};
      if (Object.values(filter).filter((f) => f !== undefined).length !== 1) {
        throw invalidRequest('The dataBindingValueFilter must be exactly one of its members.');
      }
      const usages = new Map<string, { value: BoundProperty; models: string[] }>();
      for (const model of allComputationModels(account)) {
        for (const value of boundProperties(model.dataBinding)) {
          if (!matchesFilter(filter, value)) continue;
          const usage = usages.get(keyOf(value)) ?? { value, models: [] };
          usage.models.push(model.id);
          usages.set(keyOf(value), usage);
        }
      }
      const all = [...usages].sort(([a], [b]) => (a < b ? -1 : 1));
      const scope = `ListComputationModelDataBindingUsages/${JSON.stringify(filter)}`;
      const { page, ...rest } = paginate(scope, all, ([key]) => key, input);
      return {
        ...rest,
        dataBindingUsageSummaries: page.map(([, { value, models }]) => ({
          computationModelIds: models,
          matchedDataBinding: { value },
        })),
      };
    },
  };
}
