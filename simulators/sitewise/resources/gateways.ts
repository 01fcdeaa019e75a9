import { randomUUID } from 'node:crypto';
import type * as sdk from '@aws-sdk/client-iotsitewise';
import { alreadyExists, invalidRequest, notFound } from '../api/faults.js';
import type { Handlers } from '../api/handler.js';
import { paginate } from '../api/pagination.js';
import type { Account } from './account.js';
import { saveTags } from './tags.js';

interface GatewayRecord extends Record<string, unknown> {
  id: string;
  name: string;
  platform: sdk.GatewayPlatform;
  version: string;
  capabilities: Record<string, string>;
  createdAtMs: number;
  updatedAtMs: number;
}

/** Operations on gateways: kept and described; nothing is deployed to them. */
export function gatewayHandlers(account: Account): Handlers {
  const all = () =>
    ([...account.gateways.values()] as GatewayRecord[]).sort(
      (a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1),
    );
  function require(id: string | undefined): GatewayRecord {
    const gateway = account.gateways.get(id ?? '') as GatewayRecord | undefined;
    if (gateway === undefined) throw notFound('Gateway', id ?? '');
    return gateway;
  }
  function requireFreeName(name: string | undefined, except?: string): void {
    const taken = all().find((g) => g.name === name && g.id !== except);
    if (taken !== undefined) {
      throw alreadyExists(
        `A gateway named ${name} already exists.`,
        taken.id,
        account.arn('gateway', taken.id),
      );
    }
  }
  const capabilitiesOf = (gateway: GatewayRecord) =>
    Object.keys(gateway.capabilities).map((capabilityNamespace) => ({
      capabilityNamespace,
      capabilitySyncStatus: 'IN_SYNC',
    }));
  const summaryOf = (gateway: GatewayRecord) => ({
    gatewayId: gateway.id,
    gatewayName: gateway.name,
    gatewayPlatform: gateway.platform,
    gatewayVersion: gateway.version,
    gatewayCapabilitySummaries: capabilitiesOf(gateway),
    creationDate: new Date(gateway.createdAtMs),
    lastUpdateDate: new Date(gateway.updatedAtMs),
  });

  return {
    CreateGateway(input: sdk.CreateGatewayRequest) {
      const platforms = Object.values(input.gatewayPlatform ?? {});
      if (platforms.length !== 1) {
        throw invalidRequest('The gatewayPlatform must be exactly one platform.');
      }
      requireFreeName(input.gatewayName);
      const id = randomUUID();
      const now = account.nowMs();
      const gateway: GatewayRecord = {
        id,
        name: input.gatewayName ?? '',
        platform: input.gatewayPlatform ?? {},
        version: input.gatewayVersion ?? '2',
        capabilities: {},
        createdAtMs: now,
        updatedAtMs: now,
      };
      saveTags(account, account.arn('gateway', id), input.tags);
      account.gateways.set(id, gateway);
      return { gatewayId: id, gatewayArn: account.arn('gateway', id) };
    },

    DescribeGateway: (input: sdk.DescribeGatewayRequest) => {
      const gateway = require(input.gatewayId);
      return { ...summaryOf(gateway), gatewayArn: account.arn('gateway', gateway.id) };
    },

    UpdateGateway(input: sdk.UpdateGatewayRequest) {
      const gateway = require(input.gatewayId);
      requireFreeName(input.gatewayName, gateway.id);
      account.gateways.set(gateway.id, {
        ...gateway,
        name: input.gatewayName,
        updatedAtMs: account.nowMs(),
      });
      return {};
    },

    DeleteGateway(input: sdk.DeleteGatewayRequest) {
      const gateway = require(input.gatewayId);
      account.gateways.delete(gateway.id);
      account.tags.delete(account.arn('gateway', gateway.id));
      return {};
    },

    ListGateways: (input: sdk.ListGatewaysRequest) => {
      const { page, ...rest } = paginate('ListGateways', all(), (g) => g.id, input);
      return { ...rest, gatewaySummaries: page.map(summaryOf) };
    },

    DescribeGatewayCapabilityConfiguration: (
      input: sdk.DescribeGatewayCapabilityConfigurationRequest,
    ) => {
      const gateway = require(input.gatewayId);
      const capabilityNamespace = input.capabilityNamespace ?? '';
      const capabilityConfiguration = gateway.capabilities[capabilityNamespace];
      if (capabilityConfiguration === undefined) {
        throw notFound('Capability', capabilityNamespace);
      }
      return {
        gatewayId: gateway.id,
        capabilityNamespace,
        capabilityConfiguration,
        capabilitySyncStatus: 'IN_SYNC',
      };
    },

    UpdateGatewayCapabilityConfiguration(input: sdk.UpdateGatewayCapabilityConfigurationRequest) {
      const gateway = require(input.gatewayId);
      const capabilityNamespace = input.capabilityNamespace ?? '';
      account.gateways.set(gateway.id, {
        ...gateway,
        capabilities: {
          ...gateway.capabilities,
          [capabilityNamespace]: input.capabilityConfiguration,
        },
        updatedAtMs: account.nowMs(),
      });
      return { capabilityNamespace, capabilitySyncStatus: 'IN_SYNC' };
    },
  };
}
