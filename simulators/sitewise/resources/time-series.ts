import type * as sdk from '@aws-sdk/client-iotsitewise';
import { conflicting, invalidRequest, notFound } from '../api/faults.js';
import type { Handlers } from '../api/handler.js';
import { paginate } from '../api/pagination.js';
import type { Account, SeriesRecord } from './account.js';
import { requireActiveAsset, requireAsset, requireProperty } from './asset-records.js';

/** By alias, or by asset and property: exactly one way. */
interface SeriesKey {
  alias?: string | undefined;
  assetId?: string | undefined;
  propertyId?: string | undefined;
}

/** Operations on time series, of properties or of aliases without one. */
export function timeSeriesHandlers(account: Account): Handlers {
  function requireSeries(input: SeriesKey): SeriesRecord {
    const byAlias = input.alias !== undefined;
    const byProperty = input.assetId !== undefined || input.propertyId !== undefined;
    if (byAlias === byProperty || (byProperty && !(input.assetId && input.propertyId))) {
      throw invalidRequest('Name the time series by alias, or by assetId and propertyId.');
    }
    let series: SeriesRecord | undefined;
    if (input.alias !== undefined) series = account.seriesByAlias(input.alias);
    else {
      const asset = requireAsset(account, input.assetId ?? '');
      const property = requireProperty(account, asset, input.propertyId ?? '');
      series = account.seriesByProperty(asset.id, property.id);
    }
    if (series === undefined) {
      throw notFound('Time series', input.alias ?? `${input.assetId}/${input.propertyId}`);
    }
    return series;
  }

  function describe(series: SeriesRecord) {
    return {
      timeSeriesId: series.id,
      timeSeriesArn: account.arn('time-series', series.id),
      alias: series.alias,
      assetId: series.assetId,
      propertyId: series.propertyId,
      dataType: series.dataType,
      timeSeriesCreationDate: new Date(series.createdAtMs),
      timeSeriesLastUpdateDate: new Date(series.updatedAtMs),
    };
  }

  return {
    DescribeTimeSeries: (input: sdk.DescribeTimeSeriesRequest) => describe(requireSeries(input)),

    ListTimeSeries: (input: sdk.ListTimeSeriesRequest) => {
      const { aliasPrefix, timeSeriesType: type } = input;
      if (input.assetId !== undefined && (aliasPrefix !== undefined || type === 'DISASSOCIATED')) {
        throw invalidRequest('List by assetId, or by aliasPrefix and DISASSOCIATED, not by both.');
      }
      const assetId =
        input.assetId === undefined ? undefined : requireAsset(account, input.assetId).id;
      const all = [...account.series.values()]
        .filter(
          (s) =>
            (assetId === undefined || s.assetId === assetId) &&
            (aliasPrefix === undefined || s.alias?.startsWith(aliasPrefix) === true) &&
            (type === undefined || (type === 'ASSOCIATED') === (s.assetId !== undefined)),
        )
        .sort((a, b) => a.number - b.number);
      const scope = `ListTimeSeries/${assetId ?? ''}/${aliasPrefix ?? ''}/${type ?? ''}`;
      const { page, ...rest } = paginate(scope, all, (s) => s.id, input);
      return { ...rest, TimeSeriesSummaries: page.map(describe) };
    },

    DeleteTimeSeries(input: sdk.DeleteTimeSeriesRequest) {
      account.deleteSeries(requireSeries(input));
      return {};
    },

    AssociateTimeSeriesToAssetProperty(input: sdk.AssociateTimeSeriesToAssetPropertyRequest) {
      const asset = requireActiveAsset(account, input.assetId ?? '');
      const property = requireProperty(account, asset, input.propertyId ?? '');
      const series = requireSeries({ alias: input.alias });
      if (series.assetId !== undefined) {
        if (series.assetId === asset.id && series.propertyId === property.id) return {};
        throw conflicting(
          `The time series ${input.alias} is already associated with property ${series.propertyId}.`,
          series.id,
          account.arn('time-series', series.id),
        );
      }
      if (series.dataType !== property.dataType) {
        throw invalidRequest(
          `The time series holds ${series.dataType}, the property ${property.name} ${property.dataType}.`,
        );
      }
      const before = account.seriesByProperty(asset.id, property.id);
      if (before !== undefined) {
        if (before.alias !== undefined || account.values.latest(before.number) !== undefined) {
          throw conflicting(
            `The property ${property.name} already has a time series: disassociate or delete that first.`,
            before.id,
            account.arn('time-series', before.id),
          );
        }
        account.deleteSeries(before);
      }
      account.changeSeries(series, { assetId: asset.id, propertyId: property.id });
      return {};
    },

    DisassociateTimeSeriesFromAssetProperty(
      input: sdk.DisassociateTimeSeriesFromAssetPropertyRequest,
    ) {
      const asset = requireActiveAsset(account, input.assetId ?? '');
      const property = requireProperty(account, asset, input.propertyId ?? '');
      const series = requireSeries({ alias: input.alias });
      if (series.assetId !== asset.id || series.propertyId !== property.id) {
        throw notFound('Time series of the property', input.alias ?? '');
      }
      account.changeSeries(series, { assetId: undefined, propertyId: undefined });
      return {};
    },
  };
}
