import {
  CustomVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import type { DatasourceRef } from './queries.js';

/** An asset that a dashboard can show. */
export interface DashboardAsset {
  /** Its external id, which is its name in SiteWise and its entity's id in TwinMaker. */
  id: string;
  /** Prefix of its aliases. */
  aliasPrefix: string;
}

/** The variable that chooses a dashboard's asset. */
const ASSET_VARIABLE = 'asset';
/** With more assets than this one types which one, for the choice is part of the dashboard. */
const MAX_CHOICES = 500;

/** How one chooses the asset that a dashboard shows. */
export interface AssetChoice {
  variable: CustomVariableBuilder | QueryVariableBuilder | TextBoxVariableBuilder;
  /** What stands for the asset's prefix in aliases. */
  prefix: string;
}

/**
 * What stands for an asset's prefix once its name is chosen, as long as all prefixes are made of the
 * name in the same way: `/line1` and `/line2` are `/${asset:text}`.
 *
 * @returns nothing where they are not: the name alone then does not tell the prefix
 */
export function prefixByName(assets: readonly DashboardAsset[]): string | undefined {
  const patterns = assets.map(({ id, aliasPrefix }) => {
    const at = id === '' ? -1 : aliasPrefix.lastIndexOf(id);
    if (at < 0) return undefined;
    const after = aliasPrefix.slice(at + id.length);
    return `${aliasPrefix.slice(0, at)}\${${ASSET_VARIABLE}:text}${after}`;
  });
  const [first] = patterns;
  return patterns.every((p) => p === first) ? first : undefined;
}

/** The id by which SiteWise knows the model of a twin that a deployment made. */
export function deployedModelId(fleet: string, twin: string): string {
  return `externalId:${fleet}:${twin}`;
}

/**
 * The assets of a model as SiteWise lists them when the dashboard is opened: one that is added later
 * can be chosen at once. The plugin gives each asset's name as text and its id as value.
 *
 * @param model id, or externalId:…
 * @throws RangeError when an asset's name does not tell its prefix
 */
export function listedChoice(
  datasource: DatasourceRef,
  model: string,
  assets: readonly DashboardAsset[],
): AssetChoice {
  const prefix = prefixByName(assets);
  const [first] = assets;
  if (first === undefined || prefix === undefined) {
    throw new RangeError(
      `The aliases of ${assets.map((a) => `${a.id} (${a.aliasPrefix})`).join(', ')} are not made of the assets' names in one way, so the chosen name would not tell them: leave the model out, and the dashboard holds the list itself.`,
    );
  }
  return {
    prefix,
    variable: new QueryVariableBuilder(ASSET_VARIABLE)
      .label('Asset')
      .datasource(datasource)
      .query({ refId: ASSET_VARIABLE, queryType: 'ListAssets', filter: 'ALL', modelId: model })
      .refresh(VariableRefresh.OnDashboardLoad)
      .sort(VariableSort.NaturalAsc)
      // Found again in the list by its text: the asset's id is SiteWise's own.
      .current({ text: first.id, value: first.id, selected: true }),
  };
}

/** The assets as a list in the dashboard itself. */
export function heldChoice(assets: readonly DashboardAsset[]): AssetChoice {
  return {
    prefix: `\${${ASSET_VARIABLE}}`,
    variable: choice(ASSET_VARIABLE, 'Asset', assets, (a) => a.aliasPrefix),
  };
}

/**
 * A variable with a value for each asset.
 *
 * @throws RangeError when there is none
 */
export function choice(
  name: string,
  label: string,
  assets: readonly DashboardAsset[],
  read: (asset: DashboardAsset) => string,
): CustomVariableBuilder | TextBoxVariableBuilder {
  const [first] = assets;
  if (first === undefined) throw new RangeError('A dashboard needs at least one asset');
  if (assets.length > MAX_CHOICES) {
    return new TextBoxVariableBuilder(name).label(label).defaultValue(read(first));
  }
  const list = assets.map((a) => ({ text: a.id, value: read(a), selected: a === first }));
  return new CustomVariableBuilder(name)
    .label(label)
    .values(list.map(({ text, value }) => `${text} : ${value}`.replaceAll(',', '\\,')).join(', '))
    .options(list)
    .current({ text: first.id, value: read(first), selected: true });
}
