import { stringify } from 'yaml';
import type { TwinDefinition } from '../../shared/config/index.js';
import { alertFile, buildAlertRules } from './alert-rules.js';
import type { DashboardAsset } from './asset-variable.js';
import { buildDashboard, type DashboardOptions } from './dashboard.js';
import { buildForecastDashboard } from './forecast-dashboard.js';
import { SITEWISE_PLUGIN } from './queries.js';

/** Uid of the provisioned data source, which alert rules name. */
export const DATASOURCE_UID = 'twinloop-sitewise';
/** Where the container finds what the host gives it. */
const CERTIFICATE = '/etc/twinloop/certificate.pem';
const DASHBOARDS = '/var/lib/grafana/dashboards';
const EVALUATION_MINUTES = 5;

export interface ProvisioningOptions extends DashboardOptions {
  assets: readonly DashboardAsset[];
  /** Minutes between two calibrations. */
  calibrationMinutes: number;
  /** Minutes after which a sensor that sends nothing is reported. */
  staleMinutes: number;
}

/**
 * What a Grafana reads from its provisioning folder to show a twin: data source, dashboard, alert
 * rules, and a compose file that starts one on this machine against the stand-in for SiteWise.
 *
 * @returns contents by path
 */
export function provisioningFiles(
  twin: TwinDefinition,
  options: ProvisioningOptions,
): Map<string, string> {
  const rules = buildAlertRules(twin, { ...options, datasourceUid: DATASOURCE_UID });
  // The SDK marks queries by a function, which JSON leaves out.
  const plain = (value: object) => JSON.parse(JSON.stringify(value)) as object;
  const yaml = (value: object, comment = '') =>
    comment + stringify(plain(value), { lineWidth: 0, aliasDuplicateObjects: false });
  const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
  const ahead = buildForecastDashboard(twin, options);
  return new Map([
    ['compose.yaml', yaml(compose(), COMPOSE_COMMENT)],
    ['provisioning/datasources/sitewise.yaml', yaml(datasources(), DATASOURCE_COMMENT)],
    ['provisioning/dashboards/twinloop.yaml', yaml(dashboardProvider())],
    [`provisioning/alerting/${twin.name}.yaml`, yaml(alertFile(twin, rules, EVALUATION_MINUTES))],
    [`dashboards/${twin.name}.json`, json(buildDashboard(twin, options))],
    ...(ahead === undefined ? [] : [[`dashboards/${twin.name}-ahead.json`, json(ahead)] as const]),
  ]);
}

const DATASOURCE_COMMENT = `\
# The plugin sends requests to an endpoint as it is given only for the region "Edge", which wants
# HTTPS and the certificate. For AWS: authType "default" and defaultRegion with your region, and
# neither endpoint, edgeAuthMode nor secureJsonData.
`;

/** Values that begin with $ are read by Grafana from its environment or from files. */
function datasources(): object {
  return {
    apiVersion: 1,
    datasources: [
      {
        name: 'SiteWise',
        uid: DATASOURCE_UID,
        type: SITEWISE_PLUGIN,
        access: 'proxy',
        isDefault: true,
        jsonData: {
          authType: 'keys',
          defaultRegion: 'Edge',
          endpoint: '$TWINLOOP_SITEWISE_ENDPOINT',
          edgeAuthMode: 'default',
        },
        secureJsonData: {
          accessKey: '$TWINLOOP_SITEWISE_ACCESS_KEY_ID',
          secretKey: '$TWINLOOP_SITEWISE_SECRET_ACCESS_KEY',
          cert: `$__file{${CERTIFICATE}}`,
        },
      },
    ],
  };
}

function dashboardProvider(): object {
  return {
    apiVersion: 1,
    providers: [
      {
        name: 'Twinloop',
        folder: 'Twinloop',
        type: 'file',
        allowUiUpdates: false,
        options: { path: DASHBOARDS },
      },
    ],
  };
}

const COMPOSE_COMMENT = `\
# A Grafana on http://127.0.0.1:3000 (admin, admin) against the stand-in for SiteWise:
#   npx twinloop sitewise serve --port 8444 --data .sitewise --tls
#   TWINLOOP_CERTIFICATE=$PWD/.sitewise/tls/certificate.pem docker compose up
# For \`twinloop up\`: set ports.siteWise in its config, take the certificate from .twinloop/tls and
# the keys from .twinloop/access.json.
`;

function compose(): object {
  const fromHost = (name: string, otherwise: string) => `\${${name}:-${otherwise}}`;
  return {
    services: {
      grafana: {
        image: `grafana/grafana:${fromHost('GRAFANA_VERSION', '12.0.0')}`,
        // The stand-in listens on loopback only.
        network_mode: 'host',
        environment: {
          GF_SERVER_HTTP_ADDR: '127.0.0.1',
          GF_PLUGINS_PREINSTALL: SITEWISE_PLUGIN,
          TWINLOOP_SITEWISE_ENDPOINT: fromHost(
            'TWINLOOP_SITEWISE_ENDPOINT',
            'https://127.0.0.1:8444',
          ),
          TWINLOOP_SITEWISE_ACCESS_KEY_ID: fromHost(
            'TWINLOOP_SITEWISE_ACCESS_KEY_ID',
            'AKIDTWINLOOPLOCAL000',
          ),
          TWINLOOP_SITEWISE_SECRET_ACCESS_KEY: fromHost(
            'TWINLOOP_SITEWISE_SECRET_ACCESS_KEY',
            'twinloop-local-secret-key-for-loopback',
          ),
        },
        volumes: [
          './provisioning:/etc/grafana/provisioning:ro',
          `./dashboards:${DASHBOARDS}:ro`,
          `\${TWINLOOP_CERTIFICATE:?name the certificate of the stand-in}:${CERTIFICATE}:ro`,
        ],
      },
    },
  };
}
