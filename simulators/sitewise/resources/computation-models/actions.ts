import { randomUUID } from 'node:crypto';
import type * as sdk from '@aws-sdk/client-iotsitewise';
import { invalidRequest, notFound } from '../../api/faults.js';
import type { Handlers } from '../../api/handler.js';
import { paginate } from '../../api/pagination.js';
import type { Account } from '../account.js';
import { requireAsset } from '../asset-records.js';
import { readActionPayload } from './action-payload.js';
import { boundModel } from './data-binding.js';
import {
  type ActionRecord,
  actionsOf,
  allComputationModels,
  type ComputationModelRecord,
  requireActiveComputationModel,
  requireComputationModel,
} from './records.js';

/** What an execution says that would have trained or run a model; the API allows no punctuation. */
const NOT_RUN = 'This stand-in trains no models and infers nothing';

interface Listing {
  targetResourceType?: string | undefined;
  targetResourceId?: string | undefined;
  resolveToResourceId?: string | undefined;
}

const resolveToOf = ({ resolveToAssetId: assetId }: ActionRecord) =>
  assetId === undefined ? undefined : { assetId };

const targetOf = ({ computationModelId }: ActionRecord) => ({ computationModelId });

const executionOf = (action: ActionRecord) => ({
  executionId: action.executionId,
  actionType: action.actionType,
  targetResource: targetOf(action),
  targetResourceVersion: String(action.computationModelVersion),
  resolveTo: resolveToOf(action),
  executionStartTime: new Date(action.atMs),
  executionEndTime: new Date(action.atMs),
  executionStatus: { state: action.state },
});

/** The asset that an action works on, where its model is bound to an asset model. */
function resolvedAsset(
  account: Account,
  model: ComputationModelRecord,
  assetId: string | undefined,
): string | undefined {
  const modelId = boundModel(model.dataBinding);
  if (modelId === undefined) {
    if (assetId === undefined) return undefined;
    throw invalidRequest(
      `Computation model ${model.id} is bound to properties of assets: it resolves to no other.`,
    );
  }
  if (assetId === undefined) {
    throw invalidRequest(
      `Computation model ${model.id} is bound to an asset model: resolveTo must name the asset.`,
    );
  }
  const asset = requireAsset(account, assetId);
  if (asset.modelId === modelId) return asset.id;
  throw invalidRequest(`Asset ${asset.id} is not made from asset model ${modelId}.`);
}

/** Operations on actions and their executions: checked and kept, but nothing is trained or run. */
export function actionHandlers(account: Account): Handlers {
  function actionsOn(input: Listing): ActionRecord[] {
    const { targetResourceType, targetResourceId = '', resolveToResourceId } = input;
    if (targetResourceType === 'ASSET') {
      requireAsset(account, targetResourceId);
      return [];
    }
    return actionsOf(account, requireComputationModel(account, targetResourceId).id).filter(
      (a) => resolveToResourceId === undefined || a.resolveToAssetId === resolveToResourceId,
    );
  }
  /** Those of models that are still there. */
  const everyAction = () =>
    allComputationModels(account).flatMap((model) => actionsOf(account, model.id));
  const scopeOf = (operation: string, input: Listing) =>
    `${operation}/${input.targetResourceId}/${input.resolveToResourceId ?? ''}`;

  return {
    ExecuteAction(input: sdk.ExecuteActionRequest) {
      const { assetId, computationModelId } = input.targetResource ?? {};
      if ((assetId === undefined) === (computationModelId === undefined)) {
        throw invalidRequest('The targetResource must be one asset or one computation model.');
      }
      const actionDefinitionId = input.actionDefinitionId ?? '';
      if (assetId !== undefined) {
        requireAsset(account, assetId);
        throw notFound('Action definition', actionDefinitionId);
      }
      const model = requireActiveComputationModel(account, computationModelId);
      const definition = model.actionDefinitions.find(
        (d) => d.actionDefinitionId === actionDefinitionId,
      );
      if (definition === undefined) throw notFound('Action definition', actionDefinitionId);
      const actionType = definition.actionType ?? '';
      const payload = input.actionPayload?.stringValue ?? '';
      const does = readActionPayload(actionType, payload);
      const action: ActionRecord = {
        id: randomUUID(),
        executionId: randomUUID(),
        computationModelId: model.id,
        computationModelVersion: model.version,
        actionDefinitionId,
        actionType,
        payload,
        resolveToAssetId: resolvedAsset(account, model, input.resolveTo?.assetId),
        atMs: account.nowMs(),
        state: does === 'stop' ? 'COMPLETED' : 'FAILED',
        result: does === 'stop' ? {} : { failureReason: NOT_RUN },
      };
      account.actions.set(action.id, action);
      if (does === 'start') {
        account.logger.warn('An action of a computation model was not carried out', {
          computationModel: model.id,
          actionType,
          reason: NOT_RUN,
        });
      }
      return { actionId: action.id };
    },

    DescribeAction: (input: sdk.DescribeActionRequest) => {
      const action = everyAction().find((a) => a.id === input.actionId);
      if (action === undefined) throw notFound('Action', input.actionId ?? '');
      return {
        actionId: action.id,
        targetResource: targetOf(action),
        actionDefinitionId: action.actionDefinitionId,
        actionPayload: { stringValue: action.payload },
        executionTime: new Date(action.atMs),
        resolveTo: resolveToOf(action),
      };
    },

    ListActions: (input: sdk.ListActionsRequest) => {
      const actions = actionsOn(input);
      const { page, ...rest } = paginate(
        scopeOf('ListActions', input),
        actions,
        (a) => a.id,
        input,
      );
      return {
        // Required by the API's model, and null at the end by its text.
        nextToken: rest.nextToken ?? null,
        actionSummaries: page.map((action) => ({
          actionId: action.id,
          actionDefinitionId: action.actionDefinitionId,
          targetResource: targetOf(action),
          resolveTo: resolveToOf(action),
        })),
      };
    },

    DescribeExecution: (input: sdk.DescribeExecutionRequest) => {
      const action = everyAction().find((a) => a.executionId === input.executionId);
      if (action === undefined) throw notFound('Execution', input.executionId ?? '');
      return { ...executionOf(action), executionResult: action.result };
    },

    ListExecutions: (input: sdk.ListExecutionsRequest) => {
      const { actionType } = input;
      const actions = actionsOn(input).filter(
        (a) => actionType === undefined || a.actionType === actionType,
      );
      const scope = `${scopeOf('ListExecutions', input)}/${actionType ?? ''}`;
      const { page, ...rest } = paginate(scope, actions, (a) => a.executionId, input);
      return { ...rest, executionSummaries: page.map(executionOf) };
    },

    ListComputationModelResolveToResources: (
      input: sdk.ListComputationModelResolveToResourcesRequest,
    ) => {
      const { id } = requireComputationModel(account, input.computationModelId);
      const assets = actionsOf(account, id).map((a) => a.resolveToAssetId);
      const distinct = [...new Set(assets.filter((a) => a !== undefined))].sort();
      const scope = `ListComputationModelResolveToResources/${id}`;
      const { page, ...rest } = paginate(scope, distinct, (a) => a, input);
      return {
        ...rest,
        computationModelResolveToResourceSummaries: page.map((assetId) => ({
          resolveTo: { assetId },
        })),
      };
    },

    // Filled by the first model that is trained, so never here.
    DescribeComputationModelExecutionSummary: (
      input: sdk.DescribeComputationModelExecutionSummaryRequest,
    ) => {
      const { id } = requireComputationModel(account, input.computationModelId);
      const { resolveToResourceId: assetId } = input;
      if (assetId !== undefined) requireAsset(account, assetId);
      return {
        computationModelId: id,
        resolveTo: assetId === undefined ? undefined : { assetId },
        computationModelExecutionSummary: {},
      };
    },
  };
}
