import type * as sdk from '@aws-sdk/client-iotsitewise';
import { conflicting, notFound } from '../../api/faults.js';
import type { Account, Status } from '../account.js';

/** A computation model: what it reads, where its results go, and which actions it has. */
export interface ComputationModelRecord extends Record<string, unknown> {
  id: string;
  name: string;
  description?: string | undefined;
  configuration: sdk.ComputationModelConfiguration;
  dataBinding: Record<string, sdk.ComputationModelDataBindingValue>;
  actionDefinitions: sdk.ActionDefinition[];
  createdAtMs: number;
  updatedAtMs: number;
  version: number;
  status: Status;
}

/** An action that was asked for, with the one execution it led to. */
export interface ActionRecord extends Record<string, unknown> {
  id: string;
  executionId: string;
  computationModelId: string;
  computationModelVersion: number;
  actionDefinitionId: string;
  actionType: string;
  payload: string;
  resolveToAssetId?: string | undefined;
  atMs: number;
  state: sdk.ExecutionState;
  result: Record<string, string>;
}

export const arnOf = (account: Account, id: string) => account.arn('computation-model', id);

/** A computation model, its state brought up to date; undefined where none is. */
export function computationModel(account: Account, id: string): ComputationModelRecord | undefined {
  const model = account.computationModels.get(id) as ComputationModelRecord | undefined;
  if (model === undefined) return undefined;
  const { state, readyAtMs } = model.status;
  if (state === 'ACTIVE' || account.nowMs() < readyAtMs) return model;
  if (state === 'DELETING') {
    for (const action of actionsOf(account, id)) account.actions.delete(action.id);
    account.computationModels.delete(id);
    account.tags.delete(arnOf(account, id));
    return undefined;
  }
  const active: ComputationModelRecord = { ...model, status: { state: 'ACTIVE', readyAtMs: 0 } };
  account.computationModels.set(id, active);
  return active;
}

/** All computation models, oldest first. */
export function allComputationModels(account: Account): ComputationModelRecord[] {
  return ([...account.computationModels.values()] as ComputationModelRecord[])
    .map((m) => computationModel(account, m.id))
    .filter((m) => m !== undefined)
    .sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
}

/** @throws ApiFault `ResourceNotFoundException` */
export function requireComputationModel(account: Account, id = ''): ComputationModelRecord {
  const model = computationModel(account, id);
  if (model === undefined) throw notFound('Computation model', id);
  return model;
}

/** @throws ApiFault `ConflictingOperationException` while the model is being changed */
export function requireActiveComputationModel(account: Account, id = ''): ComputationModelRecord {
  const model = requireComputationModel(account, id);
  const { state } = model.status;
  if (state === 'ACTIVE') return model;
  throw conflicting(
    `Computation model ${id} is in state ${state}; it must be ACTIVE.`,
    id,
    arnOf(account, id),
  );
}

/** The actions on a computation model, newest first. */
export function actionsOf(account: Account, computationModelId: string): ActionRecord[] {
  return ([...account.actions.values()] as ActionRecord[])
    .filter((a) => a.computationModelId === computationModelId)
    .sort((a, b) => b.atMs - a.atMs || (a.id < b.id ? -1 : 1));
}
