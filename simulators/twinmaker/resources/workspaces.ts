import type * as sdk from '@aws-sdk/client-iottwinmaker';
import { paginate } from '../../sitewise/api/pagination.js';
import { conflict, invalid, missing, type TwinMakerHandlers } from '../api.js';
import { shownDates, type TwinMakerAccount, type WorkspaceRecord } from './records.js';

/** Pages of lists have so many items unless asked otherwise. */
export const PAGE_SIZE = 200;

/** Operations on workspaces. */
export function workspaceHandlers(account: TwinMakerAccount): TwinMakerHandlers {
  const shown = (workspace: WorkspaceRecord) => ({
    workspaceId: workspace.id,
    arn: account.arn(workspace.id),
    description: workspace.description,
    linkedServices: [],
    ...shownDates(workspace),
  });
  const required = (idOrArn = '') => {
    const id = idOrArn.replace(/^arn:.*:workspace\//, '');
    const found = account.workspaces.get(id);
    if (found === undefined) throw missing(`The workspace ${idOrArn}`);
    return found;
  };
  return {
    CreateWorkspace(input: sdk.CreateWorkspaceRequest) {
      const id = input.workspaceId ?? '';
      if (account.workspaces.get(id) !== undefined) {
        throw conflict(`The workspace ${id} exists already.`);
      }
      const { description, s3Location, role, tags } = input;
      const dates = account.dates();
      account.workspaces.set(id, { id, description, s3Location, role, ...dates });
      account.tag(account.arn(id), tags);
      return { arn: account.arn(id), creationDateTime: new Date(dates.createdMs) };
    },
    GetWorkspace(input: sdk.GetWorkspaceRequest) {
      const workspace = required(input.workspaceId);
      const { s3Location, role } = workspace;
      return { ...shown(workspace), s3Location, role };
    },
    ListWorkspaces(input: sdk.ListWorkspacesRequest) {
      const all = [...account.workspaces.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
      const { page, ...next } = paginate('ListWorkspaces', all, (w) => w.id, input, PAGE_SIZE);
      return { workspaceSummaries: page.map(shown), ...next };
    },
    UpdateWorkspace(input: sdk.UpdateWorkspaceRequest) {
      const before = required(input.workspaceId);
      const updatedMs = account.nowMs();
      account.workspaces.set(before.id, {
        ...before,
        description: input.description ?? before.description,
        role: input.role ?? before.role,
        s3Location: input.s3Location ?? before.s3Location,
        updatedMs,
      });
      return { updateDateTime: new Date(updatedMs) };
    },
    DeleteWorkspace(input: sdk.DeleteWorkspaceRequest) {
      const { id } = required(input.workspaceId);
      const held = {
        entities: account.entities,
        scenes: account.scenes,
        componentTypes: account.componentTypes,
      };
      for (const [what, table] of Object.entries(held)) {
        if ([...table.values()].some((item) => item.workspaceId === id)) {
          throw invalid(`The workspace ${id} still has ${what}: delete them first.`);
        }
      }
      account.workspaces.delete(id);
      account.tags.delete(account.arn(id));
      return {};
    },
  };
}
