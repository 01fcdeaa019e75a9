import { dirname, resolve } from 'node:path';
import { App, Tags, Validations } from 'aws-cdk-lib';
import { ManagedPolicy, PermissionsBoundary } from 'aws-cdk-lib/aws-iam';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { DeploymentConfig } from '../../shared/config/index.js';
import { ConfigError, readUserFile } from '../../shared/core/index.js';
import { type BuiltComponent, loadComponent } from './component-build.js';
import { readDeploymentFiles, readTwins } from './deployment-files.js';
import type { FleetFiles } from './fleet-folder.js';
import { AssetsStack, assetsPerStack, ModelsStack } from './stacks/assets-stack.js';
import { CalibrationStack } from './stacks/calibration-stack.js';
import { DataStack } from './stacks/data-stack.js';
import { EdgeStack } from './stacks/edge-stack.js';
import { EntitiesStack } from './stacks/entities-stack.js';
import { MonitoringStack } from './stacks/monitoring-stack.js';
import { createViewFiles, type ViewFiles } from './view-files.js';

/** A run may go on this long after its time is out: the sample under way, the commit, the report. */
const STOP_MARGIN_S = 60;

/** What the stacks are made from. */
export interface Deployment extends FleetFiles {
  config: DeploymentConfig;
  /** Dashboards and scenes: `createViewFiles`. */
  views: ViewFiles;
  /** The Greengrass component, where it was built here. */
  component?: BuiltComponent;
}

/**
 * Reads a deployment with its fleet, twins, and the component for its gateways.
 *
 * @throws TwinError `FILE_NOT_FOUND`; ConfigError
 */
export async function loadDeployment(path: string): Promise<Deployment> {
  const files = await readDeploymentFiles(path);
  const { config, fleet, fleetPath } = files;
  const { timeoutMinutes } = config.compute;
  if (fleet.calibration.maxRunS > timeoutMinutes * 60 - STOP_MARGIN_S) {
    throw new ConfigError(fleetPath, [
      {
        path: 'calibration.maxRunS',
        message: `found ${fleet.calibration.maxRunS}: expected at most ${timeoutMinutes * 60 - STOP_MARGIN_S}, so that a run ends by itself before the ${timeoutMinutes} minutes of compute.timeoutMinutes in ${path}`,
      },
    ]);
  }
  const { twins, twinPaths } = await readTwins(files);
  const fmus = new Map<string, string>();
  for (const [name, { fmu }] of twins) {
    fmus.set(name, await existing(resolve(dirname(twinPaths.get(name) as string), fmu), 'FMU'));
  }
  const built = config.edge?.component;
  return {
    config,
    fleet,
    twins,
    fmus,
    views: await createViewFiles(config, fleet, twins),
    ...(built !== undefined && 'build' in built
      ? { component: await loadComponent(resolve(dirname(resolve(path)), built.build)) }
      : {}),
  };
}

async function existing(path: string, what: string): Promise<string> {
  await readUserFile(path, what);
  return path;
}

/**
 * The CDK app of a deployment: environment-agnostic, so that it synthesizes without credentials.
 *
 * @param app an app to add to; default: a new one
 */
export function buildApp(deployment: Deployment, app: App = new App()): App {
  const { config, fleet, twins, component } = deployment;
  // Findings of the template validation count as errors.
  app.node.setContext('@aws-cdk/core:validateAgainstDefaultRules', true);
  app.node.setContext('@aws-cdk/core:defaultCrossStackReferences', 'strong');
  // Access logs are let in by a policy: buckets without ACLs have no other way.
  app.node.setContext('@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy', true);
  const id = (name: string) => `${config.name}-${name}`;
  const data = new DataStack(app, id('data'), { config, files: deployment });
  const { models } = new ModelsStack(app, id('models'), { fleet, twins });
  const calibration = new CalibrationStack(app, id('calibration'), { config, fleet, data });
  const scenes = config.twinMaker ? [...twins].filter(([, t]) => t.layout !== undefined) : [];
  const monitoring = new MonitoringStack(app, id('monitoring'), {
    config,
    fleet,
    data,
    calibration,
    scenes: scenes.map(([name]) => name),
  });
  const perStack = assetsPerStack(twins, fleet.assets);
  for (let i = 0; i < fleet.assets.length; i += perStack) {
    const number = i === 0 ? '' : `-${i / perStack + 1}`;
    const assets = fleet.assets.slice(i, i + perStack);
    const { assets: siteWiseAssets } = new AssetsStack(app, id(`assets${number}`), {
      fleet,
      twins,
      models,
      assets,
    });
    if (!config.twinMaker) continue;
    // By themselves: what only pictures need must not hold up or take down what data need.
    const { workspaceId } = monitoring;
    const name = id(`entities${number}`);
    new EntitiesStack(app, name, {
      workspaceId,
      assets,
      siteWiseAssets,
      models,
    }).addStackDependency(monitoring);
  }
  if (config.edge !== undefined) {
    new EdgeStack(app, id('edge'), {
      config,
      edge: config.edge,
      fleet,
      data,
      ...(component === undefined ? {} : { component }),
    });
  }
  Tags.of(app).add('project', config.name);
  for (const [key, value] of Object.entries(config.tags)) Tags.of(app).add(key, value);
  if (config.permissionsBoundary !== undefined) {
    const policy = ManagedPolicy.fromManagedPolicyArn(data, 'Boundary', config.permissionsBoundary);
    PermissionsBoundary.of(app).apply(policy);
  }
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return app;
}
