import { dirname, resolve } from 'node:path';
import { App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import {
  type DeploymentConfig,
  deploymentSchema,
  type FleetConfig,
  fleetSchema,
  loadConfig,
  type TwinDefinition,
  twinSchema,
} from '../shared/config/index.js';
import { ASSETS_PER_STACK, AssetsStack, ModelsStack } from './stacks/assets-stack.js';
import { CalibrationStack } from './stacks/calibration-stack.js';
import { DataStack } from './stacks/data-stack.js';
import { EdgeStack } from './stacks/edge-stack.js';
import { MonitoringStack } from './stacks/monitoring-stack.js';

/** What the stacks are made from. */
export interface Deployment {
  config: DeploymentConfig;
  fleet: FleetConfig;
  twins: ReadonlyMap<string, TwinDefinition>;
}

/** Reads a deployment with its fleet and twins. @throws TwinError, ConfigError */
export async function loadDeployment(path: string): Promise<Deployment> {
  const config = await loadConfig(deploymentSchema, path, 'deployment');
  const fleetPath = resolve(dirname(resolve(path)), config.fleet);
  const fleet = await loadConfig(fleetSchema, fleetPath, 'fleet');
  const twins = new Map<string, TwinDefinition>();
  for (const [name, twin] of Object.entries(fleet.twins)) {
    twins.set(name, await loadConfig(twinSchema, resolve(dirname(fleetPath), twin), 'twin'));
  }
  return { config, fleet, twins };
}

/**
 * The CDK app of a deployment: environment-agnostic, so that it synthesizes without credentials.
 *
 * @param app an app to add to; default: a new one
 */
export function buildApp(deployment: Deployment, app: App = new App()): App {
  const { config, fleet, twins } = deployment;
  // Findings of the template validation count as errors.
  app.node.setContext('@aws-cdk/core:validateAgainstDefaultRules', true);
  app.node.setContext('@aws-cdk/core:defaultCrossStackReferences', 'strong');
  const id = (name: string) => `${config.name}-${name}`;
  const data = new DataStack(app, id('data'), { config });
  const { models } = new ModelsStack(app, id('models'), { fleet, twins });
  for (let i = 0; i < fleet.assets.length; i += ASSETS_PER_STACK) {
    const number = i / ASSETS_PER_STACK;
    new AssetsStack(app, id(number === 0 ? 'assets' : `assets-${number + 1}`), {
      fleet,
      twins,
      models,
      assets: fleet.assets.slice(i, i + ASSETS_PER_STACK),
    });
  }
  const calibration = new CalibrationStack(app, id('calibration'), { config, fleet, data });
  new MonitoringStack(app, id('monitoring'), { config, fleet, data, calibration });
  if (config.edge !== undefined) {
    new EdgeStack(app, id('edge'), { config, edge: config.edge, fleet });
  }
  Tags.of(app).add('project', config.name);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return app;
}
